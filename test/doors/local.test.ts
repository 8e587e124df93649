/** The local door: what comes in, what goes out, and what happens when either side leaves. */
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import type { ByteSource, HttpCall, HttpReply } from '../../lambdas/core/http.ts';
import { limits } from '../../lambdas/core/settings.ts';
import { type LocalDoor, startLocalDoor } from '../../lambdas/doors/local.ts';

const doors: LocalDoor[] = [];
afterEach(async () => {
  await Promise.all(doors.splice(0).map((door) => door.close(0)));
});

async function open(handle: (call: HttpCall) => Promise<HttpReply>): Promise<LocalDoor> {
  const door = await startLocalDoor({ handle, port: 0 });
  doors.push(door);
  return door;
}

const settled = Promise.resolve();
const text = (body: string, status = 200): HttpReply => ({
  status,
  headers: { 'content-type': 'text/plain' },
  body: Buffer.from(body),
  finished: settled,
});

/** A source that gives these chunks, and says what became of it. */
function source(chunks: Uint8Array[], beforeEach: () => Promise<unknown> = async () => {}) {
  const state = { given: 0, cancelled: false };
  const body: ByteSource = {
    async next() {
      await beforeEach();
      const chunk = chunks[state.given];
      if (chunk !== undefined) state.given += 1;
      return chunk;
    },
    cancel() {
      state.cancelled = true;
    },
  };
  return { state, body };
}

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500 && !condition(); tries++) await sleep(10);
  expect(condition()).toBe(true);
}

describe('a call', () => {
  it('arrives as it was sent, and the reply leaves as it was given', async () => {
    let seen: HttpCall | undefined;
    const door = await open(async (call) => {
      seen = call;
      return { ...text('brewing', 418), headers: { 'x-pot': 'tea' } };
    });
    const reply = await fetch(`${door.url}/v1/a%20b?x=1&y=?`, {
      ...{ method: 'POST', body: 'hello', headers: { 'X-Mixed': 'Case' } },
    });
    expect(seen).toMatchObject({ method: 'POST', path: '/v1/a%20b', query: 'x=1&y=?' });
    expect(seen?.headers['x-mixed']).toBe('Case');
    expect(Buffer.from(seen?.body ?? []).toString()).toBe('hello');
    expect(seen?.left?.cancelled).toBe(false);
    expect([reply.status, reply.headers.get('x-pot'), await reply.text()]).toEqual([
      ...[418, 'tea', 'brewing'],
    ]);
    expect(reply.headers.get('content-length')).toBe('7');
  });

  it('is streamed chunk by chunk, not when all of it is there', async () => {
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let asked = 0;
    const { body } = source([Buffer.from('one '), Buffer.from('two')], async () => {
      if (++asked === 2) await gate;
    });
    const door = await open(async () => ({ ...text(''), body }));
    const reply = await fetch(door.url);
    const reader = reply.body?.getReader();
    const first = await reader?.read();
    expect(Buffer.from(first?.value ?? []).toString()).toBe('one ');
    release();
    const second = await reader?.read();
    expect(Buffer.from(second?.value ?? []).toString()).toBe('two');
    expect((await reader?.read())?.done).toBe(true);
  });

  it('that breaks off in the middle ends the connection, so that nobody takes it for whole', async () => {
    let chunks = 0;
    const body: ByteSource = {
      async next() {
        if (++chunks === 1) return Buffer.from('half');
        throw new Error('the upstream was cut');
      },
      cancel() {},
    };
    const door = await open(async () => ({ ...text(''), body }));
    const reply = await fetch(door.url);
    await expect(reply.text()).rejects.toThrow();
  });
});

describe('a slow reader', () => {
  it('slows the source down instead of filling our memory', async () => {
    const chunk = Buffer.alloc(1024 * 1024);
    const { state, body } = source(Array.from({ length: 200 }, () => chunk));
    const door = await open(async () => ({ ...text(''), body }));
    const request = http.get(door.url);
    const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
    reply.pause();
    await sleep(300);
    expect(state.given).toBeLessThan(50);
    let received = 0;
    for await (const part of reply as AsyncIterable<Buffer>) received += part.byteLength;
    expect(received).toBe(200 * chunk.byteLength);
  });
});

describe('a caller who leaves', () => {
  it('cancels the call, whose settling is still awaited', async () => {
    let left: string | undefined;
    let settle = (): void => {};
    const finished = new Promise<void>((resolve) => {
      settle = resolve;
    });
    const door = await open(async (call) => {
      const gone = new Promise<void>((resolve) => {
        call.left?.onCancel((because) => {
          left = because;
          resolve();
        });
      });
      let sent = false;
      const body: ByteSource = {
        async next() {
          if (sent) await gone;
          sent = true;
          return left === undefined ? Buffer.from('first') : undefined;
        },
        cancel() {},
      };
      return { ...text(''), body, finished };
    });
    const request = http.get(door.url);
    const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
    await once(reply, 'data');
    request.destroy();
    await until(() => left !== undefined);
    let closed = false;
    const closing = door.close().then(() => {
      closed = true;
    });
    await sleep(50);
    expect(closed).toBe(false);
    settle();
    await closing;
  });

  it('before its request has arrived never reaches the gateway', async () => {
    let handled = 0;
    const door = await open(async () => {
      handled += 1;
      return text('');
    });
    const socket = net.connect(Number(new URL(door.url).port), '127.0.0.1');
    socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nhalf');
    await sleep(50);
    socket.destroy();
    await sleep(50);
    expect(handled).toBe(0);
    expect(await door.close()).toBe(true);
  });
});

describe('a body over the limit', () => {
  const refuse = async (call: HttpCall) =>
    call.body.byteLength > limits.requestBytesMax ? text('too large', 413) : text('fine');

  it('is refused before it is read where its length says so', async () => {
    const door = await open(refuse);
    const request = http.request(door.url, {
      method: 'POST',
      headers: { 'content-length': limits.requestBytesMax + 1 },
    });
    request.flushHeaders();
    const [reply] = (await once(request, 'response')) as [http.IncomingMessage];
    expect(reply.statusCode).toBe(413);
    expect(reply.headers.connection).toBe('close');
    request.on('error', () => {});
    request.destroy();
  });

  it('is refused when it grows too large, to a caller who is still sending', async () => {
    const door = await open(refuse);
    const reply = await fetch(door.url, {
      method: 'POST',
      body: Buffer.alloc(limits.requestBytesMax * 2),
    });
    expect([reply.status, await reply.text()]).toEqual([413, 'too large']);
  });

  it('is let in at the limit itself', async () => {
    const door = await open(refuse);
    const body = Buffer.alloc(limits.requestBytesMax);
    expect((await fetch(door.url, { method: 'POST', body })).status).toBe(200);
  });
});

describe('a door that closes', () => {
  it('lets a stream in flight come to its end, and lets nobody in', async () => {
    const { body } = source(
      Array.from({ length: 10 }, (_, index) => Buffer.from(`${index} `)),
      () => sleep(20),
    );
    const door = await open(async () => ({ ...text(''), body }));
    const reply = await fetch(door.url);
    const closing = door.close();
    await expect(fetch(door.url)).rejects.toThrow();
    expect(await reply.text()).toBe('0 1 2 3 4 5 6 7 8 9 ');
    expect(await closing).toBe(true);
  });

  it('ends what takes longer than its patience, and says so', async () => {
    let cancelled = false;
    const door = await open(async (call) => {
      call.left?.onCancel(() => {
        cancelled = true;
      });
      const { body } = source([Buffer.from('a'), Buffer.from('b')], async () => {
        for (let tries = 0; tries < 200 && !cancelled; tries++) await sleep(10);
      });
      return { ...text(''), body };
    });
    const request = http.get(door.url);
    request.on('error', () => {});
    await sleep(50);
    expect(await door.close(50)).toBe(false);
    expect(cancelled).toBe(true);
  });
});
