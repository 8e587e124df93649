/** Reads one HTTP/1.1 answer from the bytes that have come so far. */
import type { TransportReply } from './transport.ts';

export type ReadReply = { reply: TransportReply; keepAlive: boolean };

const headBytesMax = 16_384;
/** DynamoDB answers with a megabyte at most, before it is written as JSON. */
const bodyBytesMax = 16_777_216;
const headEnd = '\r\n\r\n';
const lineEnd = '\r\n';

/** `undefined` until the answer is complete; throws on what is no answer to one request. */
export function readReply(bytes: Buffer): ReadReply | undefined {
  const end = bytes.indexOf(headEnd);
  if (end < 0) {
    if (bytes.length > headBytesMax) throw new Error('an answer that is all head');
    return undefined;
  }
  const head = bytes.toString('latin1', 0, end);
  const status = /^HTTP\/1\.1 ([2-5]\d\d)(?: |\r|$)/.exec(head)?.[1];
  if (status === undefined) throw new Error('not an answer in HTTP/1.1');
  const start = end + headEnd.length;
  const body = /\r\ntransfer-encoding:/i.test(head)
    ? readChunks(bytes, start, head)
    : readLength(bytes, start, head);
  if (body === undefined) return undefined;
  if (body.end !== bytes.length) throw new Error('more than one answer');
  const keepAlive = !/\r\nconnection: *close/i.test(head);
  return { reply: { status: Number(status), body: body.text }, keepAlive };
}

type Body = { text: string; end: number };

function readLength(bytes: Buffer, start: number, head: string): Body | undefined {
  const digits = /\r\ncontent-length: *(\d{1,9}) *(?:\r|$)/i.exec(head)?.[1];
  if (digits === undefined) throw new Error('an answer of no length');
  const end = start + lengthWithin(Number(digits));
  if (bytes.length < end) return undefined;
  return { text: bytes.toString('utf8', start, end), end };
}

function readChunks(bytes: Buffer, start: number, head: string): Body | undefined {
  if (!/\r\ntransfer-encoding: *chunked *(?:\r|$)/i.test(head)) {
    throw new Error('an answer in an encoding that nobody asked for');
  }
  const parts: Buffer[] = [];
  let at = start;
  for (;;) {
    const line = bytes.indexOf(lineEnd, at);
    if (line < 0) {
      lengthWithin(bytes.length - start);
      return undefined;
    }
    const size = /^([\da-f]{1,7})(?:;|$)/i.exec(bytes.toString('latin1', at, line))?.[1];
    if (size === undefined) throw new Error('a chunk of no length');
    const length = lengthWithin(Number.parseInt(size, 16));
    at = line + lineEnd.length;
    if (bytes.length < at + length + lineEnd.length) return undefined;
    parts.push(bytes.subarray(at, at + length));
    at += length + lineEnd.length;
    if (bytes.toString('latin1', at - lineEnd.length, at) !== lineEnd)
      throw new Error('a broken chunk');
    if (length === 0) return { text: Buffer.concat(parts).toString('utf8'), end: at };
  }
}

function lengthWithin(length: number): number {
  if (length > bodyBytesMax) throw new Error('an answer beyond all measure');
  return length;
}
