/**
 * Replying: an upstream's answer in the caller's own format, streamed or gathered, and measured.
 */
import type { ChatAsk } from '../../core/ask.ts';
import { type Cancellation, createCancellation } from '../../core/cancellation.ts';
import type { ByteSource } from '../../core/http.ts';
import type { Piece } from '../../core/piece.ts';
import type { Ports } from '../../core/ports.ts';
import type { ReplyContext } from '../../formats/format.ts';
import { jsonBytes } from '../../formats/json.ts';
import { writeSse } from '../../formats/sse.ts';
import type { Answer, Inbound, Measured } from '../values.ts';
import { createMeter } from './measure.ts';
import { type MeasuredSource, relayStream } from './relay.ts';
import { outlived } from './stream-problem.ts';
import { translateStream } from './translate.ts';

export type WrittenReply = {
  contentType: 'application/json' | 'text/event-stream; charset=utf-8';
  body: Uint8Array | ByteSource;
  /** Resolves when the reply has ended, whichever way; never rejects. */
  measured: Promise<Measured>;
};

export type ReplyInput = {
  answer: Answer;
  inbound: Inbound;
  ask: ChatAsk;
  /** Prices a whole reply before its body is written. */
  costOf(measured: Measured): string | undefined;
  /** Cancelled when the caller leaves: what is still coming is then no longer read. */
  left: Cancellation;
  /** Epoch milliseconds by which the reply must have ended. */
  endsAt: number;
};

const sseType = 'text/event-stream; charset=utf-8';

export function writeReply(ports: Ports, input: ReplyInput): WrittenReply & { costUsd?: string } {
  const { answer, ask } = input;
  if (answer.kind === 'whole') {
    return ask.stream ? wholeAsStream(input, answer) : wholeReply(input, answer);
  }
  const stream: MeasuredSource =
    answer.leg.format === input.inbound.format
      ? relayStream(answer, input.inbound, ask)
      : translateStream(answer, input.inbound, contextOf(input), input.costOf);
  input.left.onCancel(() => stream.source.cancel());
  endInTime(ports, stream, input.endsAt);
  return { contentType: sseType, body: stream.source, measured: stream.measured };
}

/** A reader who is slow without end must not outlive the hold that pays for what is read. */
function endInTime(ports: Ports, stream: MeasuredSource, endsAt: number): void {
  const ended = createCancellation();
  stream.measured.then(() => ended.cancel('the reply has ended'));
  ports.clock.sleep(endsAt - ports.clock.now(), ended).then(() => {
    if (!ended.cancelled) stream.breakOff(outlived());
  });
}

type Whole = Extract<Answer, { kind: 'whole' }>;

function wholeReply(input: ReplyInput, answer: Whole): WrittenReply & { costUsd?: string } {
  const measured = measureAll(answer.pieces);
  const costUsd = input.costOf(measured);
  const same = answer.leg.format === input.inbound.format;
  const context = { ...contextOf(input), costUsd: () => costUsd };
  const body =
    same && answer.bytes !== undefined
      ? answer.bytes
      : jsonBytes(input.inbound.format.writeWhole(answer.pieces, context));
  return { contentType: 'application/json', body, measured: Promise.resolve(measured), costUsd };
}

/** A stream was asked for and the upstream answered whole: it is told as a stream all the same. */
function wholeAsStream(input: ReplyInput, answer: Whole): WrittenReply {
  const measured = measureAll(answer.pieces);
  const costUsd = (): string | undefined => input.costOf(measured);
  const writer = input.inbound.format.writePieces({ ...contextOf(input), costUsd });
  const events = answer.pieces.flatMap((piece) => writer.push(piece));
  events.push(...writer.end());
  const body = Buffer.from(events.map(writeSse).join(''));
  return { contentType: sseType, body, measured: Promise.resolve(measured) };
}

function measureAll(pieces: readonly Piece[]): Measured {
  const meter = createMeter();
  for (const piece of pieces) meter.see(piece);
  return meter.close('complete');
}

function contextOf({ inbound, ask }: ReplyInput): ReplyContext {
  return {
    callId: inbound.callId,
    model: ask.model,
    createdAt: Math.floor(inbound.receivedAt / 1000),
    usageFrame: ask.usageFrame,
  };
}
