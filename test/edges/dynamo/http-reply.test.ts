/** An answer's bytes, however they are cut, make the same answer; anything else makes none. */
import { describe, expect, it } from 'vitest';
import { readReply } from '../../../lambdas/edges/dynamo/http-reply.ts';

const head = 'HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.0\r\n';
const body = '{"Item":{"pk":{"S":"déjà"}}}';
const whole = Buffer.from(`${head}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
const bytesOfBody = Buffer.from(body);
const chunkOf = (bytes: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
const chunked = Buffer.concat([
  Buffer.from(`${head}Transfer-Encoding: chunked\r\n\r\n`),
  ...[chunkOf(bytesOfBody.subarray(0, 21)), chunkOf(bytesOfBody.subarray(21))],
  chunkOf(Buffer.alloc(0)),
]);

describe('an answer', () => {
  it.each([
    ['of a length', whole],
    ['in chunks', chunked],
  ])('%s is read once it is whole, not a byte before', (_how, bytes) => {
    for (let cut = 0; cut < bytes.length; cut++) {
      expect(readReply(bytes.subarray(0, cut))).toBeUndefined();
    }
    expect(readReply(bytes)).toEqual({ reply: { status: 200, body }, keepAlive: true });
  });

  it('says when it is the last on its connection', () => {
    const last = Buffer.from('HTTP/1.1 400 Bad\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
    expect(readReply(last)).toEqual({ reply: { status: 400, body: '' }, keepAlive: false });
  });

  const wrong: [string, string][] = [
    ['two answers', `${whole}${whole}`],
    ['no length', 'HTTP/1.1 200 OK\r\n\r\n{}'],
    ['another protocol', 'SSH-2.0\r\n\r\n'],
    ['an interim answer', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['a broken chunk', `${head}transfer-encoding: chunked\r\n\r\n2\r\n{}}}0\r\n\r\n`],
    ['an unknown encoding', `${head}transfer-encoding: gzip\r\n\r\n{}`],
    ['a length beyond measure', `${head}content-length: 999999999\r\n\r\n{}`],
    ['a head without end', `${head}${'x'.repeat(20_000)}`],
  ];
  it.each(wrong)('is refused when it is %s', (_what, text) => {
    expect(() => readReply(Buffer.from(text))).toThrow();
  });
});
