/** Cuts a relayed stream between its events, so that nothing of ours lands inside one of theirs. */

import type { StreamEvent } from '../../formats/format.ts';
import { createSseReader, lastEventBoundary } from '../../formats/sse.ts';

export type Aligner = {
  /** The bytes up to the last whole event; what is left over waits for its end. */
  push(chunk: Uint8Array): Uint8Array;
  /** What never became a whole event. */
  rest(): Uint8Array | undefined;
};

/** Bytes without an event's end among them are passed on anyway beyond this. */
const eventBytesHeldMax = 1024 * 1024;

export function createAligner(): Aligner {
  let pending: Uint8Array | undefined;
  return {
    push(chunk) {
      const bytes = pending === undefined ? chunk : Buffer.concat([pending, chunk]);
      const boundary = lastEventBoundary(bytes);
      if (boundary === bytes.byteLength || bytes.byteLength > eventBytesHeldMax) {
        pending = undefined;
        return bytes;
      }
      pending = bytes.subarray(boundary);
      return bytes.subarray(0, boundary);
    },
    rest() {
      const left = pending;
      pending = undefined;
      return left;
    },
  };
}

/** Whole events' bytes, less the ones that stand there only because we asked for them. */
export function withoutOurs(
  bytes: Uint8Array,
  isOurs: (event: StreamEvent) => boolean,
): Uint8Array {
  const kept: Uint8Array[] = [];
  let start = 0;
  while (start < bytes.byteLength) {
    const length = firstEventLength(bytes.subarray(start));
    const event = bytes.subarray(start, start + length);
    const framing = createSseReader();
    const events = [...framing.push(event), ...framing.end()];
    if (!events.some(isOurs)) kept.push(event);
    start += length;
  }
  return Buffer.concat(kept);
}

function firstEventLength(bytes: Uint8Array): number {
  const view = bufferOver(bytes);
  const ends = ['\n\n', '\r\n\r\n', '\r\r'].flatMap((separator) => {
    const index = view.indexOf(separator);
    return index < 0 ? [] : [index + separator.length];
  });
  return ends.length === 0 ? bytes.byteLength : Math.min(...ends);
}

/** The same bytes with Buffer's native search. */
export function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
