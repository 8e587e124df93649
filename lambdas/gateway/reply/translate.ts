/** Another format in than out: pieces are read from the one and written in the other. */
import type { ByteSource } from '../../core/http.ts';
import type { Piece } from '../../core/piece.ts';
import type { Problem } from '../../core/problem.ts';
import type { ReplyContext, StreamEvent } from '../../formats/format.ts';
import { writeSse } from '../../formats/sse.ts';
import type { Answer, Inbound, Measured } from '../values.ts';
import { createMeter } from './measure.ts';
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
  let begun = false;

  const write = (pieces: readonly Piece[]): StreamEvent[] => {
    const events: StreamEvent[] = [];
    for (const piece of pieces) {
      // The grammar has one end, and nothing after it.
      if (meter.ended) break;
      meter.see(piece);
      events.push(...writer.push(piece));
    }
    return events;
  };

  const finish = (end: Measured['end'], problem?: Problem): StreamEvent[] => {
    over = true;
    const events = end === 'left' ? [] : writer.end();
    settled.resolve(meter.close(end, problem));
    return events;
  };

  const readMore = async (): Promise<StreamEvent[]> => {
    if (!begun) {
      begun = true;
      return write(answer.heldPieces);
    }
    const chunk = await answer.rest.next();
    if (over) return [];
    const incoming = chunk === undefined ? answer.framing.end() : answer.framing.push(chunk);
    const events = incoming.flatMap((event) => write(answer.reader.push(event)));
    if (chunk !== undefined) return events;
    return [...events, ...write(answer.reader.end()), ...finish('complete')];
  };

  const breakOff = (error: unknown): StreamEvent[] => {
    const problem = brokenOff(error);
    // The usage so far, if the upstream told any, is still worth having.
    const usage = answer.reader.end().filter((piece) => piece.type === 'usage');
    const events = write([...usage, { type: 'reply-end', reason: 'error', problem }]);
    answer.rest.cancel();
    return [...events, ...finish('cut', problem)];
  };

  const source: ByteSource = {
    async next() {
      while (!over) {
        let events: StreamEvent[];
        try {
          events = await readMore();
        } catch (error) {
          if (over) return undefined;
          events = breakOff(error);
        }
        if (events.length > 0) return Buffer.from(events.map(writeSse).join(''));
      }
      return undefined;
    },
    cancel() {
      if (over) return;
      answer.rest.cancel();
      for (const piece of answer.reader.end()) if (piece.type === 'usage') meter.see(piece);
      finish('left');
    },
  };
  return { source, measured: settled.promise };
}
