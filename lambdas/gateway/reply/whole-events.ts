/** Cuts a relayed stream between its events, so that nothing of ours lands inside one of theirs. */
import type { StreamEvent } from '../../formats/format.ts';
import {
  createSseReader,
  eventBytesMax,
  lastEventBoundary,
  splitEvents,
} from '../../formats/sse.ts';

export type Aligner = {
  /** The bytes up to the last whole event; what is left over waits for its end. */
  push(chunk: Uint8Array): Uint8Array;
  /** What never became a whole event. */
  rest(): Uint8Array | undefined;
};

/** An event's end is at most four bytes, so that three of them can stand in the chunk before. */
const overlapBytes = 3;
const nothing = new Uint8Array(0);

export function createAligner(): Aligner {
  let pending: Uint8Array[] = [];
  let pendingBytes = 0;

  const hold = (bytes: Uint8Array): void => {
    if (bytes.byteLength > 0) pending.push(bytes);
    pendingBytes += bytes.byteLength;
  };
  const release = (bytes: Uint8Array): Uint8Array => {
    if (pendingBytes === 0) return bytes;
    const all = Buffer.concat([...pending, bytes]);
    pending = [];
    pendingBytes = 0;
    return all;
  };
  /** Where in the chunk the last event ends; only the chunk and a few bytes before are searched. */
  const boundaryIn = (chunk: Uint8Array): number => {
    const before = pending.at(-1);
    if (before === undefined) return lastEventBoundary(chunk);
    const overlap = before.subarray(Math.max(0, before.byteLength - overlapBytes));
    const boundary = lastEventBoundary(Buffer.concat([overlap, chunk]));
    return Math.max(0, boundary - overlap.byteLength);
  };

  return {
    push(chunk) {
      const boundary = boundaryIn(chunk);
      const tooLong = pendingBytes + chunk.byteLength > eventBytesMax;
      if (boundary === chunk.byteLength || tooLong) return release(chunk);
      if (boundary === 0) {
        hold(chunk);
        return nothing;
      }
      const whole = release(chunk.subarray(0, boundary));
      hold(chunk.subarray(boundary));
      return whole;
    },
    rest() {
      return pendingBytes === 0 ? undefined : release(nothing);
    },
  };
}

/** Whole events' bytes, less the ones that stand there only because we asked for them. */
export function withoutOurs(
  bytes: Uint8Array,
  isOurs: (event: StreamEvent) => boolean,
): Uint8Array {
  return Buffer.concat(splitEvents(bytes).filter((event) => !readEvents(event).some(isOurs)));
}

/** The events in these bytes; none where they are not to be read. */
export function readEvents(bytes: Uint8Array): StreamEvent[] {
  const framing = createSseReader();
  try {
    return [...framing.push(bytes), ...framing.end()];
  } catch {
    return [];
  }
}

/** The same bytes with Buffer's native search. */
export function bufferOver(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
