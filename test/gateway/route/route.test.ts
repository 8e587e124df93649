import { describe, expect, test } from 'vitest';
import { usd } from '../../../lambdas/core/money.ts';
import type { Price, Prior } from '../../../lambdas/core/policy.ts';
import { nearNames } from '../../../lambdas/gateway/route/candidates.ts';
import { scoreRoute } from '../../../lambdas/gateway/route/score.ts';

const price = (input: string, output: string): Price => ({
  version: 'test',
  perMillion: { input: usd(input), cachedInput: usd(input), output: usd(output) },
});
const prior: Prior = { success: 0.95, firstTokenMs: 500, tokensPerSecond: 50 };
const worth = { secondUsd: 0.001, errorUsd: 0.01 };
const expected = { inputTokens: 1000, outputTokens: 500 };

describe('the score of a route', () => {
  test('is its price, its wait and its risk, all in dollars', () => {
    const score = scoreRoute(price('1', '2'), prior, worth, expected);
    expect(score.price).toBeCloseTo(0.002, 12);
    expect(score.latency).toBeCloseTo(0.001 * (0.5 + 10), 12);
    expect(score.risk).toBeCloseTo((0.05 / 0.95) * (0.001 * 0.5 + 0.01), 12);
    expect(score.total).toBeCloseTo(score.price + score.latency + score.risk, 12);
  });

  test('prefers the cheaper, the faster and the healthier of two that are alike otherwise', () => {
    const base = scoreRoute(price('1', '2'), prior, worth, expected).total;
    expect(scoreRoute(price('2', '2'), prior, worth, expected).total).toBeGreaterThan(base);
    const slow = { ...prior, firstTokenMs: 5_000 };
    expect(scoreRoute(price('1', '2'), slow, worth, expected).total).toBeGreaterThan(base);
    const ill = { ...prior, success: 0.5 };
    expect(scoreRoute(price('1', '2'), ill, worth, expected).total).toBeGreaterThan(base);
  });

  test('ascending order is the cheapest order of a whole failover chain', () => {
    // Expected cost of trying in order: each attempt that fails costs F, the first that works C.
    const routes = [
      { price: price('9', '9'), prior: { ...prior, success: 0.9 } },
      { price: price('1', '1'), prior: { ...prior, success: 0.5 } },
      { price: price('3', '3'), prior: { ...prior, success: 0.7, firstTokenMs: 3_000 } },
      { price: price('4', '2'), prior: { ...prior, success: 0.99, firstTokenMs: 900 } },
    ].map((route) => ({ ...route, ...scoreRoute(route.price, route.prior, worth, expected) }));
    const costOf = (order: typeof routes): number => {
      let reached = 1;
      let cost = 0;
      for (const route of order) {
        const works = route.prior.success;
        const failed = worth.secondUsd * (route.prior.firstTokenMs / 1000) + worth.errorUsd;
        cost += reached * (works * (route.price + route.latency) + (1 - works) * failed);
        reached *= 1 - works;
      }
      // What is left is the same for every order: the chance that all of them fail.
      return cost;
    };
    const best = Math.min(...permutations(routes).map(costOf));
    const ranked = routes.toSorted((a, b) => a.total - b.total);
    expect(costOf(ranked)).toBeCloseTo(best, 12);
  });
});

function permutations<T>(items: T[]): T[][] {
  if (items.length <= 1) return [items];
  return items.flatMap((item, index) =>
    permutations(items.toSpliced(index, 1)).map((rest) => [item, ...rest]),
  );
}

describe('names near an unknown model', () => {
  const known = ['gpt-4o', 'gpt-4o-mini', 'claude-sonnet-4-5', 'llama'];
  test('a slip of the fingers finds its name', () => {
    expect(nearNames('gtp-4o', known)).toEqual(['gpt-4o']);
  });
  test('a part of names finds those that hold it', () => {
    expect(nearNames('gpt-4', known)).toEqual(['gpt-4o', 'gpt-4o-mini']);
  });
  test('what is like nothing finds nothing', () => {
    expect(nearNames('x'.repeat(5_000), known)).toEqual([]);
    expect(nearNames('', known)).toEqual([]);
  });
});
