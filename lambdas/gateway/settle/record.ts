/** The record of a call: put together from what its steps have said, at the very end. */
import type { ChatAsk } from '../../core/ask.ts';
import type { Hold } from '../../core/hold.ts';
import type { Problem } from '../../core/problem.ts';
import type { Receipt } from '../../core/receipt.ts';
import type { Timeline } from '../../core/timeline.ts';
import type { AttemptRecord, RecordStatus, UsageRecord } from '../../core/usage-record.ts';
import { scrub } from '../../formats/scrub.ts';
import type { Inbound, Leg, Measured, Plan } from '../values.ts';

export type RecordFacts = {
  inbound: Inbound;
  ask: ChatAsk;
  hold: Hold;
  policyVersion: string;
  timeline: Timeline;
  httpStatus: number;
  plan?: Plan;
  attempts?: AttemptRecord[];
  leg?: Leg;
  dropped?: readonly string[];
  outputCap?: number;
  measured?: Measured;
  problem?: Problem;
};

/**
 * No record is larger as JSON, whatever callers and upstreams say: an item that its table refuses
 * would be a call that nobody pays for. Names out of the policy are bounded by its schema.
 */
export const recordBytesMax = 128 * 1024;
const droppedNamesMax = 100;
const nameCharsMax = 100;
const modelCharsMax = 200;
const becauseCharsMax = 200;
/** An upstream's usage block is a few hundred bytes; a larger one is not one. */
const rawBytesMax = 16 * 1024;
/** JSON writes these as six bytes each, and nobody misses them in a name. */
const costlyCharacters = /[\p{Cc}\p{Cs}]/gu;

export function recordOf(facts: RecordFacts, receipt: Receipt): UsageRecord {
  const { inbound, ask, hold, leg, measured } = facts;
  return {
    callId: inbound.callId,
    organisationId: hold.organisationId,
    keyId: hold.keyId,
    receivedAt: inbound.receivedAt,
    format: inbound.format.name,
    stream: ask.stream,
    model: cut(ask.model, modelCharsMax),
    policyVersion: facts.policyVersion,
    status: statusOf(facts, receipt),
    httpStatus: facts.httpStatus,
    problem: (facts.problem ?? measured?.problem)?.code,
    route: leg?.route.id,
    provider: leg?.provider.name,
    answeredBy:
      measured?.answeredBy === undefined ? undefined : cut(measured.answeredBy, modelCharsMax),
    stopReason: measured?.stopReason,
    attempts: (facts.attempts ?? []).map(boundedAttempt),
    plan: (facts.plan?.legs ?? []).map(({ route, score }) => ({ route: route.id, score })),
    dropped: (facts.dropped ?? []).slice(0, droppedNamesMax).map((name) => cut(name, nameCharsMax)),
    outputCap: facts.outputCap,
    receipt: boundedReceipt(receipt),
    segments: facts.timeline.segments(),
  };
}

function statusOf({ measured, problem }: RecordFacts, receipt: Receipt): RecordStatus {
  if (receipt.basis === 'missing') return 'unpriced';
  if (problem !== undefined || measured === undefined) return 'failed';
  return measured.end === 'complete' ? 'ok' : 'cut';
}

function boundedAttempt(attempt: AttemptRecord): AttemptRecord {
  if (attempt.problem === undefined) return attempt;
  const code = cut(scrub(attempt.problem.code), nameCharsMax);
  return { ...attempt, problem: { ...attempt.problem, code } };
}

function boundedReceipt(receipt: Receipt): Receipt {
  const bounded = { ...receipt };
  const rawBytes = Buffer.byteLength(receipt.raw ?? '');
  if (rawBytes > rawBytesMax) bounded.raw = JSON.stringify({ omitted: `${rawBytes} bytes` });
  // It can quote a name of something that the upstream says it bills.
  if (receipt.because !== undefined) bounded.because = cut(receipt.because, becauseCharsMax);
  return bounded;
}

function cut(text: string, charsMax: number): string {
  const short = text.length > charsMax ? `${text.slice(0, charsMax - 1)}…` : text;
  return short.replace(costlyCharacters, '?');
}
