/**
 * An upstream that does as it is told: a real HTTP server on loopback whose every answer is a
 * script, well-behaved or not, and which remembers what it was asked.
 *
 * @example
 *   const upstream = await startFakeUpstream();
 *   upstream.reply({ body: '{}' });                         // every answer from now on
 *   upstream.replyOnce({ status: 503 }, { ending: 'cut' });   // the next two, before that
 *   await upstream.close();
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export type Script = {
  /** 200 where absent. */
  status?: number;
  headers?: Record<string, string>;
  /** Wait before the head of the answer. */
  delayMs?: number;
  /** A whole body, sent with its length. */
  body?: string | Uint8Array;
  /** A streamed body, one write for each chunk. */
  chunks?: readonly (string | Uint8Array)[];
  /** Wait before each chunk. */
  gapMs?: number;
  /**
   * After the body: `end` properly (where absent), `cut` the connection, or `stall` and say
   * nothing more. With neither body nor chunks, `cut` and `stall` come before the head.
   */
  ending?: 'end' | 'cut' | 'stall';
  /** These bytes instead of HTTP. */
  garbage?: string;
};

export type ReceivedRequest = {
  method: string;
  path: string;
  headers: IncomingHttpHeaders;
  body: Buffer;
  /** The body as JSON. */
  json(): unknown;
  /** Resolves when the connection is gone before the answer was complete. */
  left: Promise<void>;
};

export type Answer = Script | ((request: ReceivedRequest) => Script | Promise<Script>);

export type FakeUpstream = {
  /** `http://127.0.0.1:port` */
  url: string;
  /** Everything received so far, in order. */
  requests: ReceivedRequest[];
  /** The answer to every request that `replyOnce` has none for. */
  reply(answer: Answer): void;
  /** Answers to the next requests, one each. */
  replyOnce(...answers: Answer[]): void;
  /** Connections accepted so far. */
  connections(): number;
  close(): Promise<void>;
};

export async function startFakeUpstream(): Promise<FakeUpstream> {
  const requests: ReceivedRequest[] = [];
  const once: Answer[] = [];
  let always: Answer = { body: '{}' };
  let connections = 0;
  const server = createServer((incoming, outgoing) => {
    receive(incoming, outgoing)
      .then(async (request) => {
        requests.push(request);
        const answer = once.shift() ?? always;
        await play(typeof answer === 'function' ? await answer(request) : answer, outgoing);
      })
      .catch(() => outgoing.destroy());
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    reply: (answer) => {
      always = answer;
    },
    replyOnce: (...answers) => {
      once.push(...answers);
    },
    connections: () => connections,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function receive(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<ReceivedRequest> {
  const left = new Promise<void>((resolve) => {
    outgoing.on('close', () => {
      if (!outgoing.writableFinished) resolve();
    });
  });
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: incoming.headers,
    body,
    json: () => JSON.parse(body.toString()),
    left,
  };
}

async function play(script: Script, outgoing: ServerResponse): Promise<void> {
  if (script.delayMs !== undefined) await sleep(script.delayMs);
  const ending = script.ending ?? 'end';
  if (script.garbage !== undefined) {
    outgoing.socket?.end(script.garbage);
    return;
  }
  if (script.body === undefined && script.chunks === undefined && ending !== 'end') {
    if (ending === 'cut') outgoing.destroy();
    return;
  }
  const status = script.status ?? 200;
  if (script.chunks === undefined) {
    const body = Buffer.from(script.body ?? '');
    // A body that is not to end properly promises one byte more than will ever come.
    const length = body.byteLength + (ending === 'end' ? 0 : 1);
    outgoing.writeHead(status, { 'content-length': length, ...script.headers });
    outgoing.write(body);
  } else {
    outgoing.writeHead(status, script.headers);
    outgoing.flushHeaders();
    await playChunks(script.chunks, script.gapMs, outgoing);
  }
  if (ending === 'end') outgoing.end();
  if (ending === 'cut') await cutAfterWrites(outgoing);
}

async function playChunks(
  chunks: readonly (string | Uint8Array)[],
  gapMs: number | undefined,
  outgoing: ServerResponse,
): Promise<void> {
  for (const chunk of chunks) {
    if (gapMs !== undefined) await sleep(gapMs);
    if (outgoing.destroyed) return;
    if (!outgoing.write(chunk)) await drained(outgoing);
  }
}

function drained(outgoing: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      outgoing.off('drain', settle).off('close', settle);
      resolve();
    };
    outgoing.on('drain', settle).on('close', settle);
  });
}

/** What was written leaves first: a reset would take it along. */
async function cutAfterWrites(outgoing: ServerResponse): Promise<void> {
  await sleep(20);
  outgoing.socket?.end();
}
