/** The same format in and out: bytes pass as they came, in whole events, with usage tapped. */
import type { ChatAsk } from '../../core/ask.ts';
import type { ByteSource } from '../../core/http.ts';
import type { Problem } from '../../core/problem.ts';
import { writeSse } from '../../formats/sse.ts';
import type { Answer, Inbound, Measured } from '../values.ts';
import { createMeter } from './measure.ts';
import { brokenOff } from './stream-problem.ts';
import { createTail, type Tail } from './tail.ts';
import { bufferOver, createAligner, withoutOurs } from './whole-events.ts';

type StreamAnswer = Extract<Answer, { kind: 'stream' }>;

export type MeasuredSource = {
  source: ByteSource;
  measured: Promise<Measured>;
  /** Ends the reply before its time, with one error event; the caller may still be reading. */
  breakOff(problem: Problem): void;
};

export function relayStream(answer: StreamAnswer, inbound: Inbound, ask: ChatAsk): MeasuredSource {
  const { format } = inbound;
  const ours = createOursFilter(answer, inbound, ask);
  const tail = createTail();
  const aligner = createAligner();
  const held = answer.heldBytes.slice();
  const settled = Promise.withResolvers<Measured>();
  let over = false;
  /** What the caller still gets after the end: a remainder, or an error event. */
  let last: Uint8Array | undefined;

  const finish = (end: Measured['end'], fault?: Problem): void => {
    if (over) return;
    over = true;
    const remainder = aligner.rest();
    if (remainder !== undefined) tail.see(remainder);
    const { measured, problem } = measureTail(tail, answer, end, fault);
    settled.resolve(measured);
    last =
      problem === undefined
        ? remainder
        : Buffer.from(format.writeStreamError(problem, inbound.callId).map(writeSse).join(''));
  };
  const takeLast = (): Uint8Array | undefined => {
    const bytes = last;
    last = undefined;
    return bytes;
  };
  const interrupt = (end: Measured['end'], fault?: Problem): void => {
    if (over) return;
    answer.rest.cancel();
    finish(end, fault);
  };

  const source: ByteSource = {
    async next() {
      while (!over) {
        try {
          const chunk = held.shift() ?? (await answer.rest.next());
          if (over) break;
          if (chunk === undefined) {
            finish('complete');
            break;
          }
          const events = aligner.push(chunk);
          if (events.byteLength === 0) continue;
          tail.see(events);
          const bytes = ours(events);
          if (bytes.byteLength > 0) return bytes;
        } catch (error) {
          finish('cut', brokenOff(error));
        }
      }
      return takeLast();
    },
    cancel: () => interrupt('left'),
  };
  return {
    source,
    measured: settled.promise,
    breakOff: (problem) => interrupt('cut', problem),
  };
}

/** Takes out the events that only our own demand brought about; most bytes are not looked into. */
function createOursFilter(
  answer: StreamAnswer,
  inbound: Inbound,
  ask: ChatAsk,
): (bytes: Uint8Array) => Uint8Array {
  const { format } = inbound;
  const asked = (answer.leg.provider.quirks.streamUsage ?? 'asked') === 'asked' && !ask.usageFrame;
  if (!asked || format.oursMark === undefined) return (bytes) => bytes;
  const mark = Buffer.from(format.oursMark);
  return (bytes) =>
    bufferOver(bytes).includes(mark)
      ? withoutOurs(bytes, (event) => format.isOurs(event, ask))
      : bytes;
}

type TailMeasure = { measured: Measured; problem: Problem | undefined };

/** A stream that ended without saying so was cut, whatever the connection says. */
function measureTail(
  tail: Tail,
  answer: StreamAnswer,
  end: Measured['end'],
  fault: Problem | undefined,
): TailMeasure {
  const { format, provider } = answer.leg;
  const reading = tail.read(() => format.readPieces(provider.quirks));
  const meter = createMeter();
  for (const piece of reading.pieces) meter.see(piece);
  const cutShort = end === 'complete' && !reading.endSaid;
  const problem = fault ?? (cutShort ? brokenOff(undefined) : undefined);
  const measured = meter.close(cutShort ? 'cut' : end, problem);
  const scaled = Math.ceil(measured.deliveredBytes * reading.scale);
  // Of a stream that was kept only in part, finding no text does not mean that there was none.
  measured.deliveredBytes = scaled === 0 && reading.scale > 1 ? reading.totalBytes : scaled;
  return { measured, problem };
}
