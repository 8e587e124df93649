/** A small gateway behind the real Lambda door, for the tests of the door itself. */
import { request } from 'node:http';
import type { ByteSource, HttpCall, HttpReply } from '../../lambdas/core/http.ts';
import { createLambdaHandler } from '../../lambdas/doors/lambda-handler.ts';

const settleMs = 120;
const paceMs = 60;
const bytes = (text: string): Uint8Array => Buffer.from(text);
const wait = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Tells the Runtime API's server of a moment, so that it stands in one order with the rest. */
function mark(name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const url = `http://${process.env.AWS_LAMBDA_RUNTIME_API}/marks/${name}`;
    request(url, { method: 'POST', agent: false }, (response) => {
      response.resume().on('end', resolve);
    })
      .on('error', reject)
      .end();
  });
}

async function settle(): Promise<void> {
  await wait(settleMs);
  await mark('settled');
}

function sourceOf(chunks: AsyncIterator<Uint8Array>): ByteSource {
  return {
    next: async () => (await chunks.next()).value ?? undefined,
    cancel: () => {
      void mark('cancelled');
    },
  };
}

async function* paced(count: number): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index++) {
    await wait(paceMs);
    yield bytes(`data: ${index}\n\n`);
  }
}

async function* failing(): AsyncGenerator<Uint8Array> {
  yield bytes('data: begun\n\n');
  await wait(paceMs);
  throw new RangeError('the source broke');
}

async function* large(count: number): AsyncGenerator<Uint8Array> {
  const chunk = new Uint8Array(256 * 1024).fill(97);
  for (let index = 0; index < count; index++) yield chunk;
}

const events = { 'content-type': 'text/event-stream', 'x-request-id': 'call-1' };
const json = { 'content-type': 'application/json' };

async function* nothing(): AsyncGenerator<Uint8Array> {}

function reply(call: HttpCall): HttpReply {
  const finished = settle();
  const stream = (chunks: AsyncIterator<Uint8Array>): HttpReply => ({
    status: 200,
    headers: events,
    body: sourceOf(chunks),
    finished,
  });
  if (call.path === '/stream') return stream(paced(4));
  if (call.path === '/fault') return stream(failing());
  if (call.path === '/silence') return stream(nothing());
  if (call.path === '/large') return stream(large(64));
  if (call.path === '/empty') {
    return { status: 204, headers: {}, body: new Uint8Array(0), finished };
  }
  const seen = { ...call, body: Buffer.from(call.body).toString('base64') };
  return { status: 201, headers: json, body: bytes(JSON.stringify(seen)), finished };
}

export const handler = createLambdaHandler(async (call) => reply(call));
