/** The same format in and out: bytes pass as they came, in whole events, with usage tapped. */

import type { ChatAsk } from '../../core/ask.ts';
import type { ByteSource } from '../../core/http.ts';
import type { Problem } from '../../core/problem.ts';
import { createSseReader, lastEventBoundary, writeSse } from '../../formats/sse.ts';
import type { Answer, Inbound, Measured } from '../values.ts';
import { createMeter } from './measure.ts';
import { brokenOff } from './stream-problem.ts';
import { createTail } from './tail.ts';

type StreamAnswer = Extract<Answer, { kind: 'stream' }>;

export type MeasuredSource = { source: ByteSource; measured: Promise<Measured> };

/** Bytes without an event's end among them are passed on anyway beyond this. */
const eventBytesHeldMax = 1024 * 1024;

export function relayStream(answer: StreamAnswer, inbound: Inbound, ask: ChatAsk): MeasuredSource {
  const { format } = inbound;
  const { provider } = answer.leg;
  const asked = (provider.quirks.streamUsage ?? 'asked') === 'asked' && !ask.usageFrame;
  const mark = asked && format.oursMark !== undefined ? Buffer.from(format.oursMark) : undefined;
  const tail = createTail();
  const held = answer.heldBytes.slice();
  const settled = Promise.withResolvers<Measured>();
  let pending: Uint8Array | undefined;
  let over = false;

  const finish = (end: Measured['end'], fault?: Problem): Problem | undefined => {
    over = true;
    const reading = tail.read(() => format.readPieces(provider.quirks));
    const meter = createMeter();
    for (const piece of reading.pieces) meter.see(piece);
    const cutShort = end === 'complete' && !reading.endSaid;
    const problem = fault ?? (cutShort ? brokenOff('cut') : undefined);
    const measured = meter.close(cutShort ? 'cut' : end, problem);
    measured.deliveredBytes = Math.ceil(measured.deliveredBytes * reading.scale);
    settled.resolve(measured);
    return problem;
  };

  /** The bytes up to the last whole event; what is left over waits for its end. */
  const wholeEvents = (chunk: Uint8Array): Uint8Array => {
    const bytes = pending === undefined ? chunk : Buffer.concat([pending, chunk]);
    const boundary = lastEventBoundary(bytes);
    if (boundary === bytes.byteLength || bytes.byteLength > eventBytesHeldMax) {
      pending = undefined;
      return bytes;
    }
    pending = bytes.subarray(boundary);
    return bytes.subarray(0, boundary);
  };

  const last = (problem: Problem | undefined): Uint8Array | undefined => {
    const remainder = problem === undefined ? pending : undefined;
    pending = undefined;
    if (problem === undefined) return remainder;
    const events = format.writeStreamError(problem, inbound.callId);
    return Buffer.from(events.map(writeSse).join(''));
  };

  const source: ByteSource = {
    async next() {
      while (!over) {
        let chunk: Uint8Array | undefined;
        try {
          chunk = held.shift() ?? (await answer.rest.next());
        } catch (error) {
          if (over) return undefined;
          return last(finish('cut', brokenOff(error)));
        }
        if (over) return undefined;
        if (chunk === undefined) return last(finish('complete'));
        tail.see(chunk);
        let bytes = wholeEvents(chunk);
        if (
          mark !== undefined &&
          Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).includes(mark)
        ) {
          bytes = withoutOurs(bytes, (event) => format.isOurs(event, ask));
        }
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

type IsOurs = (event: { event?: string; data: string }) => boolean;

/** Whole events' bytes, less the ones that stand there only because we asked for them. */
export function withoutOurs(bytes: Uint8Array, isOurs: IsOurs): Uint8Array {
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
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const ends = ['\n\n', '\r\n\r\n', '\r\r'].flatMap((separator) => {
    const index = view.indexOf(separator);
    return index < 0 ? [] : [index + separator.length];
  });
  return ends.length === 0 ? bytes.byteLength : Math.min(...ends);
}
