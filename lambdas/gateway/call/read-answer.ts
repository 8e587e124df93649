/** The beginning of an upstream's answer: read until it is known to be one. */
import type { ByteSource } from '../../core/http.ts';
import type { Piece } from '../../core/piece.ts';
import { type FaultCode, UpstreamFault } from '../../core/ports.ts';
import type { Problem, ProblemCode, UpstreamProblem } from '../../core/problem.ts';
import { limits } from '../../core/settings.ts';
import { UnreadableReply } from '../../formats/format.ts';
import { parseUpstreamJson } from '../../formats/json.ts';
import { createSseReader } from '../../formats/sse.ts';
import type { Answer, Leg } from '../values.ts';

export type Outcome = { ok: true; answer: Answer } | { ok: false; problem: UpstreamProblem };

/** A stream that has said nothing within so many bytes is passed on as it comes. */
const heldBytesMax = 64 * 1024;

/** The beginning of an error's body, however much more there is, and however it ends. */
export async function gatherBeginning(body: ByteSource, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    while (bytes < bytesMax) {
      const chunk = await body.next();
      if (chunk === undefined) break;
      chunks.push(chunk);
      bytes += chunk.byteLength;
    }
  } catch {
    // The status has said what matters; a body that breaks off adds nothing to it.
  }
  body.cancel();
  return Buffer.concat(chunks).subarray(0, bytesMax);
}

/** Gathers a body; beyond `bytesMax` it rejects with a fault. */
export async function gather(body: ByteSource, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const chunk = await body.next();
    if (chunk === undefined) break;
    bytes += chunk.byteLength;
    if (bytes > bytesMax) {
      body.cancel();
      throw new UpstreamFault('too_large', `The reply is over ${bytesMax} bytes.`);
    }
    chunks.push(chunk);
  }
  return chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
}

/** A whole reply: read to its end, and to pieces. A reply that only says an error is a failure. */
export async function readWholeAnswer(
  body: ByteSource,
  leg: Leg,
  dropped: string[],
): Promise<Outcome> {
  const bytes = await gather(body, limits.wholeReplyBytesMax);
  const pieces = leg.format.readWhole(parseUpstreamJson(bytes), leg.provider.quirks);
  const failure = failureIn(pieces);
  if (failure !== undefined) return { ok: false, problem: failure };
  return { ok: true, answer: { kind: 'whole', leg, bytes, pieces, dropped } };
}

/**
 * A stream: read until its first piece besides the start, so that an error said in place of an
 * answer, or an end before any, is still a failed attempt and another route can be tried.
 */
export async function readStreamAnswer(
  body: ByteSource,
  leg: Leg,
  dropped: string[],
): Promise<Outcome> {
  const framing = createSseReader();
  const reader = leg.format.readPieces(leg.provider.quirks);
  const heldBytes: Uint8Array[] = [];
  const heldPieces: Piece[] = [];
  let bytes = 0;
  for (;;) {
    const chunk = await body.next();
    const ended = chunk === undefined;
    const events = ended ? framing.end() : framing.push(chunk);
    for (const event of events) heldPieces.push(...reader.push(event));
    if (ended) heldPieces.push(...reader.end());
    const failure = failureIn(heldPieces);
    if (failure !== undefined) {
      body.cancel();
      return { ok: false, problem: failure };
    }
    if (!ended) {
      heldBytes.push(chunk);
      bytes += chunk.byteLength;
    }
    const answered = heldPieces.some((piece) => piece.type !== 'reply-start');
    if (ended || answered || bytes > heldBytesMax) {
      const rest = ended ? emptySource : body;
      const answer: Answer = {
        kind: 'stream',
        leg,
        heldBytes,
        heldPieces,
        framing,
        reader,
        rest,
        dropped,
      };
      return { ok: true, answer };
    }
  }
}

/** No stream was asked for, and the upstream streamed all the same: read to its end. */
export async function gatherAnswer(outcome: Outcome): Promise<Outcome> {
  if (!outcome.ok || outcome.answer.kind === 'whole') return outcome;
  const { leg, heldPieces, framing, reader, rest, dropped } = outcome.answer;
  const pieces = heldPieces.slice();
  for (;;) {
    const chunk = await rest.next();
    const events = chunk === undefined ? framing.end() : framing.push(chunk);
    for (const event of events) pieces.push(...reader.push(event));
    if (chunk === undefined) break;
  }
  if (pieces.at(-1)?.type !== 'reply-end') pieces.push(...reader.end());
  const end = pieces.at(-1);
  // Nothing has been passed on: what was cut in the middle is as failed as what never began.
  if (end?.type === 'reply-end' && end.reason === 'error') {
    return { ok: false, problem: problemOf(end.problem) };
  }
  return { ok: true, answer: { kind: 'whole', leg, pieces, dropped } };
}

const emptySource: ByteSource = { next: async () => undefined, cancel: () => {} };

/** An error where no answer has begun; an error after output is the reply's own business. */
function failureIn(pieces: readonly Piece[]): UpstreamProblem | undefined {
  const spoken = pieces.some((piece) => !silent.has(piece.type));
  const end = pieces.find((piece) => piece.type === 'reply-end');
  if (spoken || end === undefined || end.reason !== 'error') return undefined;
  return problemOf(end.problem);
}

const classes: Partial<Record<ProblemCode, UpstreamProblem['class']>> = {
  invalid_request: 'caller',
  unsupported: 'caller',
  upstream_rejected: 'caller',
  request_too_large: 'caller',
  rate_limit_exceeded: 'capacity',
  upstream_overloaded: 'capacity',
  upstream_credential_rejected: 'credential',
};

/** An error that was told inside an answer concerns whom its status would have concerned. */
function problemOf(told: Problem | undefined): UpstreamProblem {
  const message = told?.message ?? 'The upstream ended its reply before it began.';
  const kind = (told && classes[told.code]) ?? 'health';
  const status = kind === 'caller' ? told?.status : undefined;
  return { class: kind, code: told?.code ?? 'empty', message, status, param: told?.param };
}

const silent = new Set<Piece['type']>(['reply-start', 'usage', 'reply-end']);

const faultTexts: Record<FaultCode, string> = {
  connect: 'The upstream could not be reached.',
  timeout: 'The upstream did not answer in time.',
  cut: 'The upstream broke off its reply.',
  stall: 'The upstream stopped in the middle of its reply.',
  too_large: 'The upstream sent more than a reply may be.',
  refused_address: 'The upstream is at an address that is not allowed.',
  cancelled: 'The call is no longer wanted.',
};

/**
 * A fault as a problem of the attempt; anything that is not one is a fault of our own: rethrown.
 */
export function problemOfFault(error: unknown): UpstreamProblem {
  if (error instanceof UpstreamFault) {
    return { class: 'health', code: error.code, message: faultTexts[error.code] };
  }
  if (error instanceof UnreadableReply) {
    const message = 'The upstream sent something that is not a reply of its format.';
    return { class: 'health', code: 'unreadable', message };
  }
  throw error;
}
