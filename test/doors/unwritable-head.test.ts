/** A reply whose head cannot be written is a fault of ours: told as one, logged, and settled. */
import { afterEach, expect, it } from 'vitest';
import type { ByteSource, HttpCall, HttpReply } from '../../lambdas/core/http.ts';
import { type LocalDoor, startLocalDoor } from '../../lambdas/doors/local.ts';

let door: LocalDoor;
const faults: unknown[] = [];
afterEach(async () => {
  await door.close(0);
  faults.length = 0;
});

async function open(handle: (call: HttpCall) => Promise<HttpReply>): Promise<void> {
  door = await startLocalDoor({ handle, port: 0, onFault: (fault) => faults.push(fault) });
}

const told = async (path = '/') => {
  const reply = await fetch(door.url + path, { method: 'POST', body: '{}' });
  return { status: reply.status, body: await reply.text(), headers: reply.headers };
};

const badHead = { 'x-first': 'fine', 'x-model': 'モデル', 'content-type': 'text/event-stream' };

it('a stream is cancelled, so that it settles, and the caller reads a plain 500', async () => {
  let cancelled = false;
  let settle = (): void => {};
  const finished = new Promise<void>((resolve) => {
    settle = resolve;
  });
  const body: ByteSource = {
    next: async () => Buffer.from('never'),
    cancel() {
      cancelled = true;
      setTimeout(settle, 50);
    },
  };
  await open(async () => ({ status: 200, headers: badHead, body, finished }));
  const { status, body: text, headers } = await told();
  expect([status, headers.get('x-first'), cancelled]).toEqual([500, null, true]);
  expect(JSON.parse(text)).toMatchObject({ error: { code: 'internal' } });
  expect(faults).toHaveLength(1);
  expect(await door.close()).toBe(true);
});

it('a whole reply is told as a 500 of the right length', async () => {
  const finished = Promise.resolve();
  const body = Buffer.from('a whole reply that is not told');
  await open(async () => ({ status: 200, headers: badHead, body, finished }));
  const { status, body: text } = await told();
  expect(status).toBe(500);
  expect(JSON.parse(text)).toMatchObject({ error: { code: 'internal' } });
});

it('a gateway that throws is told as a 500 too, and the door serves on', async () => {
  await open(async ({ path }) => {
    if (path === '/bad') throw new Error('a secret detail');
    return { status: 200, headers: {}, body: Buffer.from('fine'), finished: Promise.resolve() };
  });
  const { status, body } = await told('/bad');
  expect(status).toBe(500);
  expect(body).not.toContain('secret detail');
  expect(faults).toHaveLength(1);
  expect((await told('/good')).body).toBe('fine');
});
