/** The record of a call: put together from what its steps have said, at the very end. */
import type { ChatAsk } from '../../core/ask.ts';
import type { Hold } from '../../core/hold.ts';
import type { Problem } from '../../core/problem.ts';
import type { Receipt } from '../../core/receipt.ts';
import type { Timeline } from '../../core/timeline.ts';
import type { AttemptRecord, RecordStatus, UsageRecord } from '../../core/usage-record.ts';
import type { Inbound, Leg, Measured, Plan } from '../values.ts';

export type RecordFacts = {
  inbound: Inbound;
  ask: ChatAsk;
  hold: Hold;
  policyVersion: string;
  timeline: Timeline;
  httpStatus: number;
  receipt: Receipt;
  plan?: Plan;
  attempts?: AttemptRecord[];
  leg?: Leg;
  dropped?: readonly string[];
  outputCap?: number;
  measured?: Measured;
  problem?: Problem;
};

const droppedNamesMax = 100;

export function recordOf(facts: RecordFacts): UsageRecord {
  const { inbound, ask, hold, leg, measured, receipt } = facts;
  return {
    callId: inbound.callId,
    organisationId: hold.organisationId,
    keyId: hold.keyId,
    receivedAt: inbound.receivedAt,
    format: inbound.format.name,
    stream: ask.stream,
    model: ask.model,
    policyVersion: facts.policyVersion,
    status: statusOf(facts),
    httpStatus: facts.httpStatus,
    problem: (facts.problem ?? measured?.problem)?.code,
    route: leg?.route.id,
    provider: leg?.provider.name,
    answeredBy: measured?.answeredBy,
    stopReason: measured?.stopReason,
    attempts: facts.attempts ?? [],
    plan: (facts.plan?.legs ?? []).map(({ route, score }) => ({ route: route.id, score })),
    dropped: (facts.dropped ?? []).slice(0, droppedNamesMax),
    outputCap: facts.outputCap,
    receipt,
    segments: facts.timeline.segments(),
  };
}

function statusOf({ receipt, measured, problem }: RecordFacts): RecordStatus {
  if (receipt.basis === 'missing') return 'unpriced';
  if (problem !== undefined || measured === undefined) return 'failed';
  return measured.end === 'complete' ? 'ok' : 'cut';
}
