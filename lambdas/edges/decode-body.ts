/** Undoes a content encoding that an upstream used although we asked for none. */
import type { ByteSource } from '../core/http.ts';
import { UpstreamFault, type UpstreamReply } from '../core/ports.ts';

type Zlib = typeof import('node:zlib');
type Decoder = ReturnType<Zlib['createGunzip']>;

/** Loaded only when needed: nearly no upstream compresses what was asked for as `identity`. */
function createDecoder(zlib: Zlib, encoding: string): Decoder | undefined {
  if (encoding === 'gzip' || encoding === 'x-gzip') return zlib.createGunzip();
  if (encoding === 'deflate') return zlib.createInflate();
  if (encoding === 'br') return zlib.createBrotliDecompress();
  return undefined;
}

/** The reply itself where its body is plain; otherwise one whose body is decoded while read. */
export function decodedReply(
  reply: UpstreamReply,
  replyBytesMax: number,
): UpstreamReply | Promise<UpstreamReply> {
  const encoding = reply.headers['content-encoding'];
  if (encoding === undefined || encoding === 'identity' || encoding === '') return reply;
  return decode(reply, encoding.trim().toLowerCase(), replyBytesMax);
}

async function decode(
  reply: UpstreamReply,
  encoding: string,
  replyBytesMax: number,
): Promise<UpstreamReply> {
  const decoder = createDecoder(await import('node:zlib'), encoding);
  if (decoder === undefined) {
    reply.body.cancel();
    throw new UpstreamFault('cut', 'the reply has a content encoding we cannot read');
  }
  const { 'content-encoding': _, 'content-length': __, ...headers } = reply.headers;
  return { ...reply, headers, body: decodedSource(reply.body, decoder, replyBytesMax) };
}

function decodedSource(source: ByteSource, decoder: Decoder, replyBytesMax: number): ByteSource {
  const chunks: AsyncIterator<Uint8Array> = decoder[Symbol.asyncIterator]();
  let totalBytes = 0;
  let over = false;
  const stop = (): void => {
    over = true;
    source.cancel();
    decoder.destroy();
  };
  feed(source, decoder);
  return {
    async next() {
      if (over) return undefined;
      try {
        const { done, value } = await chunks.next();
        if (done === true) return undefined;
        totalBytes += value.byteLength;
        if (totalBytes <= replyBytesMax) return value;
      } catch (error) {
        if (over) return undefined;
        stop();
        if (error instanceof UpstreamFault) throw error;
        throw new UpstreamFault('cut', 'the encoded reply could not be read', { cause: error });
      }
      stop();
      throw new UpstreamFault('too_large', `reply exceeds ${replyBytesMax} bytes`);
    },
    cancel: stop,
  };
}

/** Moves bytes into the decoder as fast as it takes them; its faults become the decoder's. */
async function feed(source: ByteSource, decoder: Decoder): Promise<void> {
  try {
    for (;;) {
      const chunk = await source.next();
      if (decoder.destroyed) return;
      if (chunk === undefined) break;
      if (!decoder.write(chunk)) await roomIn(decoder);
    }
    decoder.end();
  } catch (error) {
    decoder.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

function roomIn(decoder: Decoder): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      decoder.off('drain', settle);
      decoder.off('close', settle);
      resolve();
    };
    decoder.on('drain', settle);
    decoder.on('close', settle);
  });
}
