/** What a relay keeps of a stream it does not parse: its first events, its last, and how many. */
import type { Piece } from '../../core/piece.ts';
import type { PieceReader } from '../../formats/format.ts';
import { readEvents } from './whole-events.ts';

/** Holds the event that opens a reply, with Anthropic's input tokens in it. */
const headBytesMax = 4 * 1024;
/** Holds the events that close a reply, usage among them; a longer last event is kept whole. */
const tailBytesMax = 16 * 1024;
/** Usually enough, and a good deal less to parse. */
const shortTailBytes = 6 * 1024;
/** Forgotten segments are cleared away in lots: one by one would move the whole array each time. */
const forgottenMax = 512;

export type Tail = {
  /** Takes whole events, as many as came together. */
  see(events: Uint8Array): void;
  /** Reads what was kept; never throws: what cannot be read is passed over. */
  read(createReader: () => PieceReader): TailReading;
};

export type TailReading = {
  pieces: Piece[];
  /** Whether the end was said by the upstream, well or ill, rather than by its silence. */
  endSaid: boolean;
  /** How many times more bytes passed than were read. */
  scale: number;
  totalBytes: number;
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
    if (first > forgottenMax) {
      tail = tail.slice(first);
      first = 0;
    }
  };

  return {
    see(events) {
      totalBytes += events.byteLength;
      if (headBytes < headBytesMax && tailBytes === 0) {
        head.push(events);
        headBytes += events.byteLength;
        return;
      }
      tail.push(events);
      tailBytes += events.byteLength;
      if (tailBytes > tailBytesMax) forgetOldest();
    },
    read(createReader) {
      const kept = tail.slice(first);
      const short = lastOf(kept, shortTailBytes);
      if (short.length < kept.length) {
        const reading = readSegments(createReader(), [...head, ...short], totalBytes);
        const hasUsage = reading.pieces.some((piece) => piece.type === 'usage');
        if (hasUsage && reading.endSaid) return reading;
      }
      return readSegments(createReader(), [...head, ...kept], totalBytes);
    },
  };
}

/** The last segments that together have so many bytes. */
function lastOf(segments: readonly Uint8Array[], bytesMin: number): Uint8Array[] {
  let start = segments.length;
  for (let bytes = 0; start > 0 && bytes < bytesMin; start -= 1) {
    bytes += segments[start - 1]?.byteLength ?? 0;
  }
  return segments.slice(start);
}

function readSegments(
  reader: PieceReader,
  segments: Uint8Array[],
  totalBytes: number,
): TailReading {
  const pieces: Piece[] = [];
  let readBytes = 0;
  for (const segment of segments) {
    readBytes += segment.byteLength;
    for (const event of readEvents(segment))
      pieces.push(...whatCanBeRead(() => reader.push(event)));
  }
  const endSaid = pieces.some((piece) => piece.type === 'reply-end');
  const closing = whatCanBeRead(() => reader.end());
  pieces.push(...closing);
  // OpenAI's end is known only once nothing follows it, so that it is the reader's last word.
  const end = closing.find((piece) => piece.type === 'reply-end');
  const endedWell = end !== undefined && end.reason !== 'error';
  return {
    pieces,
    endSaid: endSaid || endedWell,
    scale: readBytes === 0 ? 1 : totalBytes / readBytes,
    totalBytes,
  };
}

/** The caller has the event already, whatever we make of it: one odd event hides no other. */
function whatCanBeRead(read: () => Piece[]): Piece[] {
  try {
    return read();
  } catch {
    return [];
  }
}
