/** What every client for upstreams must do, whatever it is made of. */
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createCancellation } from '../../lambdas/core/cancellation.ts';
import type { ByteSource } from '../../lambdas/core/http.ts';
import type { UpstreamRequest } from '../../lambdas/core/ports.ts';
import type { ClosableUpstream, UpstreamOptions } from '../../lambdas/edges/upstream-common.ts';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts';

const timeouts = { connectMs: 2_000, firstByteMs: 2_000, stallMs: 2_000 };

function request(url: string, more: Partial<UpstreamRequest> = {}): UpstreamRequest {
  return {
    url,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from('{"model":"m"}'),
    timeouts,
    cancellation: createCancellation(),
    ...more,
  };
}

async function read(body: ByteSource): Promise<string> {
  const chunks: Uint8Array[] = [];
  for (let chunk = await body.next(); chunk !== undefined; chunk = await body.next()) {
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** An origin whose connections are taken by nobody: the documentation range is never routed. */
const unroutable = 'http://192.0.2.1:9';

export function upstreamContract(
  name: string,
  create: (options: UpstreamOptions) => ClosableUpstream,
): void {
  describe(`upstream contract: ${name}`, () => {
    let fake: FakeUpstream;
    let upstream: ClosableUpstream;
    beforeEach(async () => {
      fake = await startFakeUpstream();
      upstream = create({ allowPrivateAddresses: true });
    });
    afterEach(async () => {
      await upstream.close();
      await fake.close();
    });

    it('posts the bytes it was given and gives back status, headers and body', async () => {
      fake.reply({ status: 418, headers: { 'X-Request-Id': 'r1' }, body: 'short and stout' });
      const headers = { authorization: 'Bearer k', 'accept-encoding': 'gzip', host: 'elsewhere' };
      const reply = await upstream.send(request(`${fake.url}/v1/chat?x=1`, { headers }));
      expect(reply.status).toBe(418);
      expect(reply.headers['x-request-id']).toBe('r1');
      expect(await read(reply.body)).toBe('short and stout');
      expect(await reply.body.next()).toBeUndefined();
      const [seen] = fake.requests;
      expect(seen?.method).toBe('POST');
      expect(seen?.path).toBe('/v1/chat?x=1');
      expect(seen?.headers.authorization).toBe('Bearer k');
      expect(seen?.headers['accept-encoding']).toBe('identity');
      expect(`http://${seen?.headers.host}`).toBe(fake.url);
      expect(seen?.body.toString()).toBe('{"model":"m"}');
    });

    it('gives the chunks of a stream as they come', async () => {
      fake.reply({ chunks: ['a', 'b', 'c'], gapMs: 40 });
      const reply = await upstream.send(request(fake.url));
      const seen: string[] = [];
      for (let c = await reply.body.next(); c !== undefined; c = await reply.body.next()) {
        seen.push(Buffer.from(c).toString());
      }
      expect(seen).toEqual(['a', 'b', 'c']);
    });

    it('does not follow a redirect', async () => {
      fake.reply({ status: 307, headers: { location: `${fake.url}/elsewhere` }, body: '' });
      const reply = await upstream.send(request(fake.url));
      expect(reply.status).toBe(307);
      await read(reply.body);
      expect(fake.requests).toHaveLength(1);
    });

    it('uses a connection again after a body was read to its end', async () => {
      for (let i = 0; i < 10; i += 1) await read((await upstream.send(request(fake.url))).body);
      // A pool may open a second one before it has noticed that the first is free again.
      expect(fake.connections()).toBeLessThanOrEqual(2);
    });

    it('says connect where nothing listens, and where no connection comes in time', async () => {
      await fake.close();
      await expect(upstream.send(request(fake.url))).rejects.toMatchObject({ code: 'connect' });
      const slow = request(unroutable, { timeouts: { ...timeouts, connectMs: 50 } });
      await expect(upstream.send(slow)).rejects.toMatchObject({ code: 'connect' });
      fake = await startFakeUpstream();
    });

    it('says timeout where no byte of the body comes in time', async () => {
      const hasty = { timeouts: { ...timeouts, firstByteMs: 60 } };
      fake.replyOnce({ ending: 'stall' });
      await expect(upstream.send(request(fake.url, hasty))).rejects.toMatchObject({
        code: 'timeout',
      });
      fake.replyOnce({ chunks: [], ending: 'stall' });
      const reply = await upstream.send(request(fake.url, hasty));
      await expect(reply.body.next()).rejects.toMatchObject({ code: 'timeout' });
      await Promise.all(fake.requests.map((each) => each.left));
    });

    it('says stall where a stream stops moving, and hands over what came before', async () => {
      fake.reply({ chunks: ['half'], ending: 'stall' });
      const patient = { timeouts: { ...timeouts, stallMs: 60 } };
      const reply = await upstream.send(request(fake.url, patient));
      expect(Buffer.from((await reply.body.next()) ?? []).toString()).toBe('half');
      await expect(reply.body.next()).rejects.toMatchObject({ code: 'stall' });
      await fake.requests[0]?.left;
    });

    it('says cut where the connection ends before an answer, in its middle, or is no HTTP', async () => {
      fake.replyOnce({ ending: 'cut' }, { garbage: 'SSH-2.0-OpenSSH\r\n\r\n' });
      await expect(upstream.send(request(fake.url))).rejects.toMatchObject({ code: 'cut' });
      await expect(upstream.send(request(fake.url))).rejects.toMatchObject({ code: 'cut' });
      fake.replyOnce({ chunks: ['half'], ending: 'cut' }, { body: 'half', ending: 'cut' });
      for (let i = 0; i < 2; i += 1) {
        const reply = await upstream.send(request(fake.url));
        expect(Buffer.from((await reply.body.next()) ?? []).toString()).toBe('half');
        await expect(reply.body.next()).rejects.toMatchObject({ code: 'cut' });
      }
    });

    it('says too_large for endless headers and for a body over its limit', async () => {
      fake.replyOnce({ headers: { 'x-long': 'x'.repeat(100_000) }, body: '' });
      await expect(upstream.send(request(fake.url))).rejects.toMatchObject({ code: 'too_large' });
      const small = create({ allowPrivateAddresses: true, replyBytesMax: 10 });
      fake.replyOnce({ chunks: ['12345678', '12345678'], gapMs: 20 });
      const reply = await small.send(request(fake.url));
      await expect(read(reply.body)).rejects.toMatchObject({ code: 'too_large' });
      await small.close();
    });

    it('ends the upstream request when cancelled: before the head, and in the body', async () => {
      const first = createCancellation();
      fake.replyOnce({ ending: 'stall' }, { chunks: ['a'], ending: 'stall' });
      const sending = upstream.send(request(fake.url, { cancellation: first }));
      setTimeout(() => first.cancel('caller left'), 50);
      await expect(sending).rejects.toMatchObject({ code: 'cancelled', message: 'caller left' });
      await fake.requests[0]?.left;

      const second = createCancellation();
      const reply = await upstream.send(request(fake.url, { cancellation: second }));
      await reply.body.next();
      second.cancel('caller left');
      await expect(reply.body.next()).rejects.toMatchObject({ code: 'cancelled' });
      await fake.requests[1]?.left;
      const late = upstream.send(request(fake.url, { cancellation: second }));
      await expect(late).rejects.toMatchObject({ code: 'cancelled' });
      expect(fake.requests).toHaveLength(2);
    });

    it('gives the connection back when a body is given up, however many are', async () => {
      const narrow = create({ allowPrivateAddresses: true, connectionsMax: 2 });
      fake.reply({ chunks: ['a', 'b'], ending: 'stall' });
      for (let i = 0; i < 6; i += 1) {
        const reply = await narrow.send(request(fake.url));
        await reply.body.next();
        reply.body.cancel();
        expect(await reply.body.next()).toBeUndefined();
      }
      await Promise.all(fake.requests.map((each) => each.left));
      await narrow.close();
    });

    it('stops reading while nobody takes the bytes, and counts no stall meanwhile', async () => {
      const chunk = Buffer.alloc(64 * 1024, 'x');
      let written = 0;
      const chunks = Array.from({ length: 400 }, () => chunk);
      const counted = new Proxy(chunks, {
        get: (target, key) => {
          if (typeof key === 'string' && /^\d+$/.test(key)) written = Number(key);
          return Reflect.get(target, key);
        },
      });
      fake.reply({ chunks: counted });
      const hasty = { timeouts: { ...timeouts, stallMs: 100 } };
      const reply = await upstream.send(request(fake.url, hasty));
      await new Promise((resolve) => setTimeout(resolve, 400));
      // Kernel buffers take megabytes; what matters is that it is not all 25.
      expect(written).toBeLessThan(300);
      const { length } = await read(reply.body);
      expect(length).toBe(400 * chunk.byteLength);
    });

    it.each([
      ['gzip', gzipSync],
      ['deflate', deflateSync],
      ['br', brotliCompressSync],
    ])('reads a body that came as %s although nobody asked', async (encoding, compress) => {
      const text = 'data: {"hello":"world"}\n\n'.repeat(5_000);
      const bytes = compress(text);
      const headers = { 'content-encoding': encoding };
      fake.replyOnce({ headers, body: bytes }, { headers, body: bytes.subarray(0, 20) });
      const reply = await upstream.send(request(fake.url));
      expect(reply.headers['content-encoding']).toBeUndefined();
      expect(reply.headers['content-length']).toBeUndefined();
      expect(await read(reply.body)).toBe(text);
      const short = await upstream.send(request(fake.url));
      await expect(read(short.body)).rejects.toMatchObject({ code: 'cut' });
    });

    it('does not let a small compressed body grow beyond the limit', async () => {
      const small = create({ allowPrivateAddresses: true, replyBytesMax: 100_000 });
      const headers = { 'content-encoding': 'gzip' };
      fake.reply({ headers, body: gzipSync(Buffer.alloc(5_000_000)) });
      const reply = await small.send(request(fake.url));
      await expect(read(reply.body)).rejects.toMatchObject({ code: 'too_large' });
      await small.close();
    });

    it('refuses what is not a public address, before a byte leaves', async () => {
      const guarded = create({ allowPrivateAddresses: false });
      const port = new URL(fake.url).port;
      const hosts = ['127.0.0.1', '0x7f.1', '2130706433', '[::1]', '[::ffff:7f00:1]', 'localhost'];
      const urls = hosts.map((host) => `http://${host}:${port}/`);
      for (const url of [...urls, 'file:///etc/passwd', 'https://user:word@example.com/']) {
        const sending = guarded.send(request(url));
        await expect(sending, url).rejects.toMatchObject({ code: 'refused_address' });
      }
      expect(fake.connections()).toBe(0);
      await guarded.close();
    });

    it('never shows a header in the message of a fault', async () => {
      const headers = { authorization: 'Bearer sk-secret\r\nx-evil: 1' };
      const fault = await upstream.send(request(fake.url, { headers })).catch((error) => error);
      expect(fault).toMatchObject({ code: 'connect' });
      expect(fault.message).not.toContain('sk-secret');
    });
  });
}
