/** Why a call was not admitted, in words that name the limit, what remains, and when it resets. */
import type { Refusal } from '../../core/accounts.ts';
import { type Usd, unitsAfforded, usdText } from '../../core/money.ts';
import { type Problem, problem } from '../../core/problem.ts';
import type { Bound } from '../values.ts';

/** Below this an answer is of no use to anyone, so the call is refused instead. */
const outputTokensMin = 16;

/**
 * The output cap with which the call would fit what is left, or `undefined` where money is not
 * what refused it, or what is left buys too little.
 */
export function affordableCap(refusal: Refusal, bound: Bound): number | undefined {
  const left = moneyLeft(refusal);
  if (left === undefined) return undefined;
  const cap = unitsAfforded(left.minus(bound.restUsd), bound.outputUnitUsd, bound.outputCap);
  return cap >= outputTokensMin && cap < bound.outputCap ? cap : undefined;
}

function moneyLeft(refusal: Refusal): Usd | undefined {
  switch (refusal.because) {
    case 'balance':
    case 'budget':
    case 'daily_spend':
      return refusal.remaining;
    default:
      return undefined;
  }
}

/** What the caller reads. */
export function explainRefusal(refusal: Refusal, bound: Bound): Problem {
  switch (refusal.because) {
    case 'unknown':
      return refusal.by === 'key'
        ? problem('invalid_key', 'The API key is not known here.')
        : problem('permission_denied', 'The organisation of this API key is not known here.');
    case 'wrong_secret':
      return problem('invalid_key', 'The API key is not valid.');
    case 'revoked':
      return problem('invalid_key', 'The API key has been revoked.');
    case 'expired':
      return problem('invalid_key', 'The API key has expired.');
    case 'suspended':
      return problem('permission_denied', 'The organisation of this API key is suspended.');
    case 'requests':
    case 'tokens':
      return explainRate(refusal);
    case 'concurrency':
      return problem(
        'concurrency_exceeded',
        `Concurrency limit reached: ${refusal.limit} calls may run at once on this key.`,
        { limit: { name: 'concurrency', limit: `${refusal.limit}`, remaining: '0' } },
      );
    case 'balance':
      return explainBalance(refusal.remaining, bound);
    case 'budget':
    case 'daily_spend':
      return explainBudget(refusal);
  }
}

function explainRate(refusal: Extract<Refusal, { because: 'requests' | 'tokens' }>): Problem {
  const { because, limit, remaining, resetMs } = refusal;
  const text = `Limit reached: ${limit} ${because} per minute, ${remaining} left.`;
  const code = because === 'requests' ? 'rate_limit_exceeded' : 'token_limit_exceeded';
  return problem(code, `${text} Resets in ${Math.ceil(resetMs / 1000)} s.`, {
    retryAfterMs: resetMs,
    limit: { name: because, limit: `${limit}`, remaining: `${remaining}`, resetMs },
  });
}

function explainBalance(remaining: Usd, bound: Bound): Problem {
  const afforded = unitsAfforded(
    remaining.minus(bound.restUsd),
    bound.outputUnitUsd,
    bound.outputCap,
  );
  const asked = `You asked for up to ${bound.outputCap} output tokens`;
  const text = `Insufficient balance. ${asked}, and can afford ${afforded}.`;
  const sums = `The call can cost up to $${usdText(bound.usd)}; $${usdText(remaining)} is left.`;
  return problem('insufficient_balance', `${text} ${sums}`, {
    limit: { name: 'balance', remaining: usdText(remaining) },
  });
}

function explainBudget(refusal: Extract<Refusal, { because: 'budget' | 'daily_spend' }>): Problem {
  const { because, limit, remaining, resetMs } = refusal;
  const whose = because === 'budget' ? "organisation's monthly budget" : "key's daily spend";
  const sums = `$${usdText(limit)}, of which $${usdText(remaining)} is left`;
  const text = `The call does not fit the ${whose}: ${sums}.`;
  return problem('budget_exceeded', text, {
    limit: {
      name: because,
      limit: usdText(limit),
      remaining: usdText(remaining),
      resetMs,
    },
  });
}
