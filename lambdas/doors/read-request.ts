/** Reads a request's body as far as the limit lets us, and is polite about the rest. */
import type { IncomingMessage } from 'node:http';

export type RequestBody = {
  /** At most one byte more than the limit, which is enough for the gateway to refuse it. */
  bytes: Uint8Array;
  /** Whether this is all of it. */
  complete: boolean;
};

/** Rejects when the caller goes before the body has arrived. */
export function readRequest(request: IncomingMessage, bytesMax: number): Promise<RequestBody> {
  const declared = Number(request.headers['content-length'] ?? 0);
  // What says itself that it is too large is refused before it is read.
  if (declared > bytesMax) {
    return Promise.resolve({ bytes: new Uint8Array(bytesMax + 1), complete: false });
  }
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      size += chunk.byteLength;
      if (size <= bytesMax) return;
      request.pause();
      request.removeAllListeners('data');
      resolve({ bytes: Buffer.concat(chunks, bytesMax + 1), complete: false });
    });
    request.once('end', () => resolve({ bytes: joined(chunks, size), complete: true }));
    request.once('error', reject);
    request.once('close', () => {
      // Every request closes; an error is made, and its stack with it, only for one cut short.
      if (request.readableEnded) return;
      reject(new Error('the caller left before its request was here'));
    });
  });
}

function joined(chunks: Buffer[], size: number): Uint8Array {
  const [first] = chunks;
  return chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks, size);
}

const swallowedBytesMax = 64 * 1024 * 1024;
const swallowMsMax = 2_000;

/**
 * Takes in what is still coming, unread: a connection that closes on a caller who is still
 * sending resets, and the refusal would be lost.
 */
export function swallowRest(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let swallowed = 0;
    const timer = setTimeout(resolve, swallowMsMax);
    const done = (): void => {
      clearTimeout(timer);
      resolve();
    };
    request.on('data', (chunk: Buffer) => {
      swallowed += chunk.byteLength;
      if (swallowed > swallowedBytesMax) done();
    });
    request.once('end', done);
    request.once('close', done);
    request.resume();
  });
}
