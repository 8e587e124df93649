/** The provider of a measurement: answers at once, or at a pace, and thinks about nothing. */
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  chunksPerBurst,
  chunksPerPaced,
  firstFrame,
  lastFrames,
  pacedGapMs,
  paths,
  stampedFrame,
  textFrame,
  wholeReply,
} from './scenarios.ts';

const whole = Buffer.from(wholeReply);
const text = Buffer.from(textFrame);
const eventStream = { 'content-type': 'text/event-stream; charset=utf-8' };
const json = { 'content-type': 'application/json', 'content-length': whole.byteLength };

const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    const url = request.url ?? '';
    if (url.startsWith(paths.burst)) burst(response);
    else if (url.startsWith(paths.paced)) paced(response);
    else response.writeHead(200, json).end(whole);
  });
});

/** One write for each chunk, one chunk for each turn of the loop: packets, not one lump. */
function burst(response: ServerResponse): void {
  response.writeHead(200, eventStream);
  response.write(firstFrame);
  let left = chunksPerBurst - 2;
  const next = (): void => {
    if (response.destroyed) return;
    left -= 1;
    if (left < 0) {
      response.end(lastFrames);
      return;
    }
    response.write(text);
    setImmediate(next);
  };
  setImmediate(next);
}

function paced(response: ServerResponse): void {
  response.writeHead(200, eventStream);
  response.write(stampedFrame());
  let left = chunksPerPaced - 1;
  const timer = setInterval(() => {
    left -= 1;
    if (left > 0 && !response.destroyed) {
      response.write(stampedFrame());
      return;
    }
    clearInterval(timer);
    response.end(lastFrames);
  }, pacedGapMs);
}

server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', 4_096, () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
