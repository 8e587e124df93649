/** The story of a call, told once: bounded, admitted, routed, called, replied to, settled. */
import type { ChatAsk } from '../core/ask.ts';
import { createCancellation } from '../core/cancellation.ts';
import type { HttpCall, HttpReply } from '../core/http.ts';
import type { Policy } from '../core/policy.ts';
import type { Ports } from '../core/ports.ts';
import { type Problem, ProblemError, problem } from '../core/problem.ts';
import { startTimeline, type Timeline } from '../core/timeline.ts';
import { type Admission, admit, applyKeySettings } from './admit/admit.ts';
import { boundAsk } from './admit/bound.ts';
import { call } from './call/call.ts';
import { callerTimeoutMs, identify, readAsk, receive } from './receive/receive.ts';
import { replyHeaders } from './reply/headers.ts';
import { healthReply, problemReply } from './reply/problem-reply.ts';
import { writeReply } from './reply/reply.ts';
import { findCandidates } from './route/candidates.ts';
import { planRoute } from './route/route.ts';
import { chargeFor } from './settle/charge.ts';
import { costText } from './settle/price.ts';
import type { RecordFacts } from './settle/record.ts';
import { settleFailure, settleReply } from './settle/settle.ts';
import type { Exchange, Inbound, Measured } from './values.ts';

export type Gateway = (http: HttpCall) => Promise<HttpReply>;

export function createGateway(ports: Ports): Gateway {
  return async (http) => {
    const timeline = startTimeline(() => ports.clock.monotonicMs());
    const now = ports.clock.now();
    const callId = ports.ids.callId(now);
    const received = receive(http, callId, now);
    if (received.kind === 'health') return healthReply();
    if (received.kind === 'refused') return problemReply({ ...received, callId, timeline });
    const { inbound } = received;
    try {
      const admitted = await letIn(ports, http, inbound, timeline);
      return await answer(ports, http, inbound, timeline, admitted);
    } catch (error) {
      return problemReply({ callId, inbound, timeline, error: knownError(ports, inbound, error) });
    }
  };
}

type Admitted = { ask: ChatAsk; policy: Policy; admission: Admission; deadlineAt: number };

/** Steps 2 to 5: everything that can refuse a call while nothing has been taken. */
async function letIn(
  ports: Ports,
  http: HttpCall,
  inbound: Inbound,
  timeline: Timeline,
): Promise<Admitted> {
  const claim = identify(inbound, ports.keyring);
  timeline.begin('read');
  const ask = readAsk(inbound);
  const timeoutMs = callerTimeoutMs(inbound.headers);
  await ports.policy.ready();
  const policy = ports.policy.current();
  timeline.begin('bound');
  const candidates = findCandidates(policy, ask.model, ports.ids.random);
  const settings = ports.accounts.settingsSeen(claim.keyId);
  const bound = boundAsk(ask, inbound.body.byteLength, candidates, settings);
  timeline.begin('admit');
  const { callId, receivedAt } = inbound;
  const { processEndsAt } = http;
  const admission = await admit(ports, { callId, claim, bound, now: receivedAt, processEndsAt });
  const patienceMs = Math.min(timeoutMs ?? Infinity, policy.attempts.deadlineMs);
  const deadlineAt = Math.min(receivedAt + patienceMs, admission.endsAt);
  return { ask, policy, admission, deadlineAt };
}

/** Steps 7 to 11. A hold stands from here on: whatever happens, every way out settles it, once. */
async function answer(
  ports: Ports,
  http: HttpCall,
  inbound: Inbound,
  timeline: Timeline,
  { ask, policy, admission, deadlineAt }: Admitted,
): Promise<HttpReply> {
  const { hold, caller } = admission;
  const { callId } = inbound;
  const left = http.left ?? createCancellation();
  const facts: RecordFacts = {
    ...{ inbound, ask, hold, timeline, httpStatus: 200 },
    policyVersion: policy.version,
  };
  const fail = (because: Problem): HttpReply => {
    const finished = settleFailure(ports, facts, because);
    const error = new ProblemError(because);
    return problemReply({ callId, inbound, timeline, error, caller, facts, finished });
  };
  try {
    timeline.begin('route');
    const bound = applyKeySettings(admission, ask.model);
    facts.plan = planRoute(bound, policy, ports.ids.random);
    facts.outputCap = bound.outputCap;
    timeline.begin('call');
    const exchange: Exchange = await call(ports, {
      ...{ inbound, ask, plan: facts.plan, outputCap: bound.outputCap },
      ...{ deadlineAt, limits: policy.attempts, left },
    });
    facts.attempts = exchange.attempts;
    if (!exchange.answered) return fail(exchange.problem);
    timeline.begin('reply');
    const { leg, dropped } = exchange.answer;
    Object.assign(facts, { leg, dropped });
    const estimate = {
      ...{ inputTokens: bound.inputTokensTypical, choices: ask.choices ?? 1 },
      unreported: leg.unreported,
    };
    const charge = (measured: Measured) => chargeFor(measured, leg.price, estimate);
    const reply = writeReply(ports, {
      ...{ answer: exchange.answer, inbound, ask, left, endsAt: admission.endsAt },
      costOf: (measured) => costText(charge(measured)),
    });
    timeline.firstByte();
    const finished = reply.measured.then((measured) =>
      settleReply(ports, { ...facts, measured }, charge),
    );
    const outputCap = ask.outputTokensMax === bound.outputCap ? undefined : bound.outputCap;
    const headers = replyHeaders({
      ...{ inbound, timeline, caller, leg, dropped, outputCap },
      ...{ attempts: exchange.attempts, costUsd: reply.costUsd },
    });
    headers['content-type'] = reply.contentType;
    return { status: 200, headers, body: reply.body, finished };
  } catch (error) {
    return fail(knownError(ports, inbound, error).problem);
  }
}

/** A fault of our own is logged by name and place, and told without either. */
function knownError(ports: Ports, inbound: Inbound, error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  const fault = error instanceof Error ? error : new Error('not an error');
  const at = fault.stack?.split('\n')[1]?.trim();
  ports.log.error('fault', { callId: inbound.callId, error: fault.name, at });
  return new ProblemError(problem('internal', 'The gateway failed; this is not your fault.'));
}
