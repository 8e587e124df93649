/**
 * What a gateway is measured against: a relay that does nothing but relay. `bare` is undici's
 * dispatch and nothing else; `undici` and `node` relay through our own upstream edges.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { createCancellation } from '../lambdas/core/cancellation.ts';
import { createUpstream } from '../lambdas/edges/upstream.ts';
import { createNodeUpstream } from '../lambdas/edges/upstream-node.ts';

const [kind = 'bare', upstreamUrl = ''] = process.argv.slice(2);
const timeouts = { connectMs: 5_000, firstByteMs: 30_000, stallMs: 30_000 };
const headers = { 'content-type': 'application/json', authorization: 'Bearer bench' };

type Relay = (path: string, body: Buffer, response: ServerResponse) => void;

function passedOn(head: Record<string, string | string[] | undefined>): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of ['content-type', 'content-length']) {
    const value = head[name];
    if (typeof value === 'string') passed[name] = value;
  }
  return passed;
}

const pool = new Pool(upstreamUrl, { connections: 1_024, allowH2: false });

function relayBare(path: string, body: Buffer, response: ServerResponse): void {
  pool.dispatch(
    { method: 'POST', path, headers, body },
    {
      onRequestStart(controller) {
        response.once('close', () => {
          if (!response.writableFinished) controller.abort(new Error('the reader has gone'));
        });
      },
      onResponseStart(_controller, status, head) {
        response.writeHead(status, passedOn(head));
      },
      onResponseData(controller, chunk) {
        if (response.write(chunk)) return;
        controller.pause();
        response.once('drain', () => controller.resume());
      },
      onResponseEnd() {
        response.end();
      },
      onResponseError() {
        response.destroy();
      },
    },
  );
}

function relayThrough(upstream: ReturnType<typeof createUpstream>): Relay {
  return async (path, body, response) => {
    const cancellation = createCancellation();
    response.once('close', () => cancellation.cancel('the reader has gone'));
    try {
      const url = upstreamUrl + path;
      const reply = await upstream.send({ url, headers, body, timeouts, cancellation });
      response.writeHead(reply.status, passedOn(reply.headers));
      for (let chunk = await reply.body.next(); chunk; chunk = await reply.body.next()) {
        if (!response.write(chunk)) {
          await new Promise((resolve) => response.once('drain', resolve));
        }
      }
      response.end();
    } catch {
      response.destroy();
    }
  };
}

function relayOf(): Relay {
  if (kind === 'undici') return relayThrough(createUpstream({ allowPrivateAddresses: true }));
  if (kind === 'node') return relayThrough(createNodeUpstream({ allowPrivateAddresses: true }));
  return relayBare;
}

const relay = relayOf();
const server = createServer((request: IncomingMessage, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => relay(request.url ?? '/', Buffer.concat(chunks), response));
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', 4_096, () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
