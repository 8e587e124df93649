/** What to do after an attempt has failed: try the same route again, another one, or give up. */
import type { UpstreamProblem } from '../../core/problem.ts';

export type Decision =
  | { do: 'retry-same'; waitMs: number; because: string }
  | { do: 'next-leg'; because: string }
  | { do: 'give-up'; because: string };

export type Situation = {
  problem: UpstreamProblem;
  attemptsLeft: number;
  legsLeft: number;
  /** How often this leg has been tried. */
  triesOfLeg: number;
  /** Milliseconds until the deadline. */
  timeLeftMs: number;
  /** In [0, 1): full jitter. */
  random: number;
};

const triesOfLegMax = 2;
const backoffBaseMs = 250;
const backoffMaxMs = 2_000;
/** A wait that takes more of the time left than this is better spent telling the caller. */
const waitShareMax = 0.25;

/**
 * Another route waits for nothing, so it comes first. The same route again only for what a
 * moment cures: a rate limit, an overload, a broken connection.
 */
export function afterFailure(situation: Situation): Decision {
  const { problem, attemptsLeft, legsLeft, timeLeftMs } = situation;
  if (problem.code === 'cancelled') return { do: 'give-up', because: 'the caller has left' };
  if (problem.class === 'caller' && problem.status !== 404) {
    return { do: 'give-up', because: 'the request itself was refused' };
  }
  if (attemptsLeft <= 0) return { do: 'give-up', because: 'every attempt is spent' };
  if (timeLeftMs <= 0) return { do: 'give-up', because: 'the deadline has passed' };
  if (legsLeft > 0) return { do: 'next-leg', because: whyNext(problem) };
  if (problem.class === 'caller' || problem.class === 'credential') {
    return { do: 'give-up', because: 'no other route is left' };
  }
  return retrySame(situation);
}

function whyNext(problem: UpstreamProblem): string {
  switch (problem.class) {
    case 'capacity':
      return 'the route is at its limit';
    case 'credential':
      return "the provider refused the gateway's credential";
    case 'caller':
      return 'the provider does not have this model';
    case 'health':
      return 'the route failed';
  }
}

function retrySame({ problem, triesOfLeg, timeLeftMs, random }: Situation): Decision {
  if (triesOfLeg >= triesOfLegMax) return { do: 'give-up', because: 'the only route failed again' };
  const backoffMs = Math.min(backoffMaxMs, backoffBaseMs * 2 ** triesOfLeg) * random;
  const waitMs = Math.round(problem.retryAfterMs ?? backoffMs);
  if (waitMs > timeLeftMs * waitShareMax) {
    return { do: 'give-up', because: 'the wait asked for does not fit the deadline' };
  }
  return { do: 'retry-same', waitMs, because: 'no other route is left' };
}
