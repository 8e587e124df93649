/** What trying a route first is worth, in dollars: its price, the wait, and the risk of failing. */
import { magnitudeForRanking, perMillion, type Usd, zeroUsd } from '../../core/money.ts';
import type { Price, Prior, Worth } from '../../core/policy.ts';
import type { LegScore } from '../../core/usage-record.ts';

/** What is expected of the call itself, for ranking: tokens in and out. */
export type Expectation = { inputTokens: number; outputTokens: number };

/** How long a failed attempt keeps the caller waiting, as a share of the time to a first token. */
const failedAttemptShare = 1;

/**
 * G = C + (1 − p)/p · F, where C is the price of this ask plus v per second of waiting, and
 * F = v · t_fail + k is the cost of a failed attempt. Ascending G is the cheapest order for a
 * whole failover chain (exchange of neighbours; failures taken as independent).
 */
export function scoreRoute(
  price: Price,
  prior: Prior,
  worth: Worth,
  expected: Expectation,
): LegScore {
  const priceUsd = magnitudeForRanking(expectedPrice(price, expected));
  const seconds = prior.firstTokenMs / 1000 + expected.outputTokens / prior.tokensPerSecond;
  const latencyUsd = worth.secondUsd * seconds;
  const failSeconds = (prior.firstTokenMs / 1000) * failedAttemptShare;
  const failureUsd = worth.secondUsd * failSeconds + worth.errorUsd;
  const riskUsd = ((1 - prior.success) / prior.success) * failureUsd;
  return {
    price: priceUsd,
    latency: latencyUsd,
    risk: riskUsd,
    total: priceUsd + latencyUsd + riskUsd,
  };
}

function expectedPrice(price: Price, expected: Expectation): Usd {
  const input = perMillion(price.perMillion.input ?? zeroUsd).times(expected.inputTokens);
  const output = perMillion(price.perMillion.output ?? zeroUsd).times(expected.outputTokens);
  return input.plus(output).plus(price.perRequest ?? zeroUsd);
}
