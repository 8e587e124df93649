/** What a relay keeps of a stream it does not parse: its first bytes, its last, and how many. */
import type { Piece } from '../../core/piece.ts';
import type { PieceReader } from '../../formats/format.ts';
import { createSseReader, lastEventBoundary } from '../../formats/sse.ts';

/** Holds the event that opens a reply, with Anthropic's input tokens in it. */
const headBytesMax = 4 * 1024;
/** Holds the events that close a reply, usage among them. */
const tailBytesMax = 64 * 1024;
/** Usually enough, and a good deal less to parse. */
const shortTailBytes = 6 * 1024;

export type Tail = {
  see(chunk: Uint8Array): void;
  /** Reads what was kept. `cut`: the reply did not say that it had ended. */
  read(createReader: () => PieceReader): TailReading;
};

export type TailReading = {
  pieces: Piece[];
  /** Whether the end was said by the upstream, well or ill, rather than by its silence. */
  endSaid: boolean;
  /** How many times more bytes passed than were read. */
  scale: number;
};

export function createTail(): Tail {
  const head: Uint8Array[] = [];
  let headBytes = 0;
  let tail: Uint8Array[] = [];
  let first = 0;
  let tailBytes = 0;
  let totalBytes = 0;

  const forgetOldest = (): void => {
    for (;;) {
      const oldest = tail[first];
      if (oldest === undefined || tailBytes - oldest.byteLength < tailBytesMax) break;
      tailBytes -= oldest.byteLength;
      first += 1;
    }
    // Shifting one by one would move the whole array for each chunk; now and then is enough.
    if (first > 512) {
      tail = tail.slice(first);
      first = 0;
    }
  };

  return {
    see(chunk) {
      totalBytes += chunk.byteLength;
      if (headBytes < headBytesMax && tailBytes === 0) {
        head.push(chunk);
        headBytes += chunk.byteLength;
        return;
      }
      tail.push(chunk);
      tailBytes += chunk.byteLength;
      if (tailBytes > tailBytesMax) forgetOldest();
    },
    read(createReader) {
      const kept = Buffer.concat(tail.slice(first));
      const headKept = Buffer.concat(head);
      const whole = headBytes + kept.byteLength === totalBytes;
      if (kept.byteLength > shortTailBytes) {
        const short = fromBoundary(kept.subarray(kept.byteLength - shortTailBytes));
        const reading = readRegions(createReader(), [headKept, short], totalBytes);
        const hasUsage = reading.pieces.some((piece) => piece.type === 'usage');
        if (hasUsage && reading.endSaid) return reading;
      }
      const regions = whole ? [Buffer.concat([headKept, kept])] : [headKept, fromBoundary(kept)];
      return readRegions(createReader(), regions, totalBytes);
    },
  };
}

/** Starts after the first event boundary: what is before it is the end of an event we lack. */
function fromBoundary(bytes: Buffer): Buffer {
  const newline = bytes.indexOf('\n\n');
  const carriage = bytes.indexOf('\r\n\r\n');
  const starts = [newline < 0 ? -1 : newline + 2, carriage < 0 ? -1 : carriage + 4];
  const start = Math.min(...starts.filter((offset) => offset >= 0));
  return Number.isFinite(start) ? bytes.subarray(start) : bytes.subarray(bytes.byteLength);
}

function readRegions(reader: PieceReader, regions: Buffer[], totalBytes: number): TailReading {
  const pieces: Piece[] = [];
  let readBytes = 0;
  for (const region of regions) {
    // Each region is framed by itself: an event cut between them is in neither.
    const last = region === regions.at(-1);
    const bytes = last ? region : region.subarray(0, lastEventBoundary(region));
    const framing = createSseReader();
    readBytes += bytes.byteLength;
    const events = framing.push(bytes);
    if (last) events.push(...framing.end());
    for (const event of events) pieces.push(...reader.push(event));
  }
  const endSaid = pieces.some((piece) => piece.type === 'reply-end');
  const closing = reader.end();
  pieces.push(...closing);
  // OpenAI's end is known only once nothing follows it, so that it is the reader's last word.
  const end = closing.find((piece) => piece.type === 'reply-end');
  const endedWell = end !== undefined && end.reason !== 'error';
  return {
    pieces,
    endSaid: endSaid || endedWell,
    scale: readBytes === 0 ? 1 : totalBytes / readBytes,
  };
}
