/** Calling: the legs of a plan are tried, boundedly, until one of them answers. */
import type { ChatAsk } from '../../core/ask.ts';
import type { Cancellation } from '../../core/cancellation.ts';
import { type CancellationSource, createCancellation } from '../../core/cancellation.ts';
import type { AttemptLimits } from '../../core/policy.ts';
import { type Ports, UpstreamFault } from '../../core/ports.ts';
import { type Problem, problem, type UpstreamProblem } from '../../core/problem.ts';
import { limits as sizes } from '../../core/settings.ts';
import type { AttemptRecord } from '../../core/usage-record.ts';
import { parseUpstreamJson } from '../../formats/json.ts';
import type { Exchange, Inbound, Leg, Plan } from '../values.ts';
import { afterFailure } from './after-failure.ts';
import {
  gatherAnswer,
  gatherBeginning,
  type Outcome,
  problemOfFault,
  readStreamAnswer,
  readWholeAnswer,
} from './read-answer.ts';
import { type WrittenRequest, writeRequest } from './write-request.ts';

/** How much longer a first piece may take than a first byte: some servers send comments. */
const firstPieceOverFirstByte = 4;

export type CallInput = {
  inbound: Inbound;
  ask: ChatAsk;
  plan: Plan;
  outputCap: number;
  /** Epoch milliseconds by which the first piece must be there. */
  deadlineAt: number;
  limits: AttemptLimits;
  /** Cancelled when the caller leaves. */
  left: Cancellation;
};

/** Never throws for what an upstream does: a failed exchange says what the caller should read. */
export async function call(ports: Ports, input: CallInput): Promise<Exchange> {
  const attempts: AttemptRecord[] = [];
  const legs = input.plan.legs;
  const startedMs = ports.clock.monotonicMs();
  let told: UpstreamProblem | undefined;
  let legIndex = 0;
  let triesOfLeg = 0;
  for (let attempted = 1; ; attempted += 1) {
    const leg = legs[legIndex];
    if (leg === undefined) return failed(attempts, problem('no_route', 'No route is left to try.'));
    triesOfLeg += 1;
    const attemptMs = ports.clock.monotonicMs();
    const outcome = await attempt(ports, input, leg);
    const record: AttemptRecord = {
      route: leg.route.id,
      startedMs: Math.round(attemptMs - startedMs),
      tookMs: Math.round(ports.clock.monotonicMs() - attemptMs),
      outcome: outcome.ok ? 'answered' : 'failed',
    };
    attempts.push(record);
    if (outcome.ok) return { answered: true, answer: outcome.answer, attempts };
    told = moreUseful(told, outcome.problem);
    const decision = afterFailure({
      problem: outcome.problem,
      attemptsLeft: input.limits.attemptsMax - attempted,
      legsLeft: legs.length - legIndex - 1,
      triesOfLeg,
      timeLeftMs: input.deadlineAt - ports.clock.now(),
      random: ports.ids.random(),
    });
    record.status = outcome.problem.status;
    record.problem = { class: outcome.problem.class, code: outcome.problem.code };
    record.decision = `${decision.do}: ${decision.because}`;
    if (decision.do === 'give-up') return failed(attempts, problemFor(told, input));
    if (decision.do === 'next-leg') {
      legIndex += 1;
      triesOfLeg = 0;
    } else {
      await ports.clock.sleep(decision.waitMs, input.left);
    }
  }
}

/** One attempt on one leg. The attempt's own cancellation ends it when the caller leaves. */
async function attempt(ports: Ports, input: CallInput, leg: Leg): Promise<Outcome> {
  const cancellation = createCancellation();
  const stopListening = input.left.onCancel((because) => cancellation.cancel(because));
  try {
    const secret = await secretFor(ports, leg);
    if (!secret.ok) return secret;
    const request = writeRequest(input.inbound, input.ask, leg, input.outputCap, secret.value);
    const outcome = await exchange(ports, input, { leg, request, cancellation });
    if (!outcome.ok) cancellation.cancel('the attempt failed');
    return outcome;
  } catch (error) {
    cancellation.cancel('the attempt failed');
    return { ok: false, problem: problemOfFault(error) };
  } finally {
    // A stream that goes on is cancelled through its own body from here on.
    stopListening();
  }
}

type Sending = { leg: Leg; request: WrittenRequest; cancellation: CancellationSource };

/**
 * The edge bounds the wait for bytes; this bounds the wait for an answer in them. An upstream can
 * send comments or blanks for ever without having said a word.
 */
async function exchange(ports: Ports, input: CallInput, sending: Sending): Promise<Outcome> {
  const { leg, cancellation } = sending;
  const timeLeftMs = Math.max(1, input.deadlineAt - ports.clock.now());
  const { firstByteMs } = leg.provider.timeouts;
  const waitMs = input.ask.stream
    ? Math.min(timeLeftMs, firstByteMs * firstPieceOverFirstByte)
    : timeLeftMs;
  const answered = createCancellation();
  let late = false;
  ports.clock.sleep(waitMs, answered).then(() => {
    if (answered.cancelled) return;
    late = true;
    cancellation.cancel('no answer in time');
  });
  try {
    return await send(ports, input, sending, timeLeftMs);
  } catch (error) {
    if (!late) throw error;
    return {
      ok: false,
      problem: problemOfFault(new UpstreamFault('timeout', 'no answer in time')),
    };
  } finally {
    answered.cancel('the attempt is over');
  }
}

async function send(
  ports: Ports,
  input: CallInput,
  { leg, request, cancellation }: Sending,
  timeLeftMs: number,
): Promise<Outcome> {
  const { connectMs, firstByteMs, stallMs } = leg.provider.timeouts;
  // A whole reply shows nothing before it is complete: only the deadline bounds the wait.
  const waitMs = input.ask.stream ? Math.min(firstByteMs, timeLeftMs) : timeLeftMs;
  const reply = await ports.upstream.send({
    url: request.url,
    headers: request.headers,
    body: request.body,
    timeouts: { connectMs: Math.min(connectMs, timeLeftMs), firstByteMs: waitMs, stallMs },
    cancellation,
  });
  if (reply.status < 200 || reply.status > 299) {
    const body = parseUpstreamJson(await gatherBeginning(reply.body, sizes.errorBodyBytesMax));
    return { ok: false, problem: leg.format.readError(reply.status, reply.headers, body) };
  }
  if (!isStreamed(reply.headers['content-type'], input.ask.stream)) {
    return readWholeAnswer(reply.body, leg, request.dropped);
  }
  const outcome = await readStreamAnswer(reply.body, leg, request.dropped);
  return input.ask.stream ? outcome : gatherAnswer(outcome);
}

/** Some servers stream under another name, or none: what was asked for is then the best guess. */
function isStreamed(contentType: string | undefined, asked: boolean): boolean {
  const type = contentType?.toLowerCase() ?? '';
  return asked ? !type.includes('application/json') : type.includes('text/event-stream');
}

type Secret = { ok: true; value: string | undefined } | { ok: false; problem: UpstreamProblem };

async function secretFor(ports: Ports, leg: Leg): Promise<Secret> {
  const { credential, name } = leg.provider;
  if (credential === undefined) return { ok: true, value: undefined };
  try {
    return { ok: true, value: await ports.credentials.secret(credential) };
  } catch {
    ports.log.error('credential-unavailable', { provider: name });
    const message = "The provider's credential is not available.";
    return { ok: false, problem: { class: 'credential', code: 'no_credential', message } };
  }
}

function failed(attempts: AttemptRecord[], because: Problem): Exchange {
  return { answered: false, problem: because, attempts, dropped: [] };
}

/** What helps a caller most: a fault of its own, then when to come back, then the rest. */
const usefulness: UpstreamProblem['class'][] = ['credential', 'health', 'capacity', 'caller'];

function moreUseful(before: UpstreamProblem | undefined, now: UpstreamProblem): UpstreamProblem {
  if (before === undefined) return now;
  return usefulness.indexOf(before.class) > usefulness.indexOf(now.class) ? before : now;
}

/** What the caller reads of the failures. A provider's 401 is never the caller's own. */
function problemFor(last: UpstreamProblem, input: CallInput): Problem {
  if (input.left.cancelled) return problem('caller_left', 'The caller left.');
  const { message, retryAfterMs, param } = last;
  switch (last.class) {
    case 'caller':
      return problem('upstream_rejected', message, { status: last.status ?? 400, param });
    case 'credential':
      return problem(
        'upstream_credential_rejected',
        'The provider refused the credential of this gateway; its operator must mend it.',
      );
    case 'capacity':
      return problem('upstream_overloaded', 'Every route for this model is at its limit.', {
        retryAfterMs,
        retryable: false,
      });
    case 'health':
      return last.code === 'timeout'
        ? problem('deadline_exceeded', message, { retryable: false })
        : problem('upstream_failed', message, { retryAfterMs, retryable: false });
  }
}
