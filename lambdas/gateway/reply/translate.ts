/** Another format in than out: pieces are read from the one and written in the other. */
import type { ByteSource } from '../../core/http.ts';
import type { Piece } from '../../core/piece.ts';
import type { Problem } from '../../core/problem.ts';
import type { PieceReader, PieceWriter, ReplyContext, StreamEvent } from '../../formats/format.ts';
import { writeSse } from '../../formats/sse.ts';
import type { Answer, Inbound, Measured } from '../values.ts';
import { createMeter, type Meter } from './measure.ts';
import type { MeasuredSource } from './relay.ts';
import { brokenOff } from './stream-problem.ts';

type StreamAnswer = Extract<Answer, { kind: 'stream' }>;

export function translateStream(
  answer: StreamAnswer,
  inbound: Inbound,
  context: ReplyContext,
  costOf: (measured: Measured) => string | undefined,
): MeasuredSource {
  const meter = createMeter();
  const costUsd = (): string | undefined => costOf(meter.soFar);
  const writer = inbound.format.writePieces({ ...context, costUsd });
  const settled = Promise.withResolvers<Measured>();
  let over = false;
  let held: Piece[] | undefined = answer.heldPieces;

  const finish = (end: Measured['end'], problem?: Problem): void => {
    over = true;
    settled.resolve(meter.close(end, problem));
  };

  /** What the caller hears next; nothing does not mean the end. */
  const advance = async (): Promise<StreamEvent[]> => {
    if (held !== undefined) {
      const pieces = held;
      held = undefined;
      return passOn(pieces, meter, writer);
    }
    const chunk = await answer.rest.next();
    if (over) return [];
    const incoming = chunk === undefined ? answer.framing.end() : answer.framing.push(chunk);
    const events = incoming.flatMap((event) => passOn(answer.reader.push(event), meter, writer));
    if (chunk !== undefined) return events;
    events.push(...passOn(answer.reader.end(), meter, writer), ...writer.end());
    finish('complete');
    return events;
  };

  /** What the caller still gets after the end: an error event. */
  let last: StreamEvent[] = [];

  const breakOff = (problem: Problem): void => {
    if (over) return;
    answer.rest.cancel();
    const end: Piece = { type: 'reply-end', reason: 'error', problem };
    last = [...passOn([...usageLeft(answer.reader), end], meter, writer), ...writer.end()];
    finish('cut', problem);
  };

  const source: ByteSource = {
    async next() {
      while (!over) {
        try {
          const events = await advance();
          if (events.length > 0) return bytesOf(events);
        } catch (error) {
          breakOff(brokenOff(error));
        }
      }
      const events = last;
      last = [];
      return events.length > 0 ? bytesOf(events) : undefined;
    },
    cancel() {
      if (over) return;
      answer.rest.cancel();
      for (const piece of usageLeft(answer.reader)) meter.see(piece);
      finish('left');
    },
  };
  return { source, measured: settled.promise, breakOff };
}

function bytesOf(events: readonly StreamEvent[]): Uint8Array {
  return Buffer.from(events.map(writeSse).join(''));
}

/** Writes pieces and measures them; the grammar has one end, and nothing after it. */
function passOn(pieces: readonly Piece[], meter: Meter, writer: PieceWriter): StreamEvent[] {
  const events: StreamEvent[] = [];
  for (const piece of pieces) {
    if (meter.ended) break;
    meter.see(piece);
    events.push(...writer.push(piece));
  }
  return events;
}

/** The usage so far, if the upstream told any, is worth having of a reply that is not whole. */
function usageLeft(reader: PieceReader): Piece[] {
  try {
    return reader.end().filter((piece) => piece.type === 'usage');
  } catch {
    return [];
  }
}
