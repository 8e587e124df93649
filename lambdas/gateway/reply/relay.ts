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

export type MeasuredSource = { source: ByteSource; measured: Promise<Measured> };

export function relayStream(answer: StreamAnswer, inbound: Inbound, ask: ChatAsk): MeasuredSource {
  const { format } = inbound;
  const ours = createOursFilter(answer, inbound, ask);
  const tail = createTail();
  const aligner = createAligner();
  const held = answer.heldBytes.slice();
  const settled = Promise.withResolvers<Measured>();
  let over = false;

  /** Ends the relay; gives the caller's last bytes: a remainder, or an error event. */
  const finish = (end: Measured['end'], fault?: Problem): Uint8Array | undefined => {
    over = true;
    const { measured, problem } = measureTail(tail, answer, end, fault);
    settled.resolve(measured);
    if (problem === undefined) return aligner.rest();
    return Buffer.from(format.writeStreamError(problem, inbound.callId).map(writeSse).join(''));
  };

  const source: ByteSource = {
    async next() {
      while (!over) {
        let chunk: Uint8Array | undefined;
        try {
          chunk = held.shift() ?? (await answer.rest.next());
        } catch (error) {
          if (over) return undefined;
          return finish('cut', brokenOff(error));
        }
        if (over) return undefined;
        if (chunk === undefined) return finish('complete');
        tail.see(chunk);
        const bytes = ours(aligner.push(chunk));
        if (bytes.byteLength > 0) return bytes;
      }
      return undefined;
    },
    cancel() {
      if (over) return;
      answer.rest.cancel();
      finish('left');
    },
  };
  return { source, measured: settled.promise };
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
  measured.deliveredBytes = Math.ceil(measured.deliveredBytes * reading.scale);
  return { measured, problem };
}
