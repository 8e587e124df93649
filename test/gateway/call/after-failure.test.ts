import { describe, expect, test } from 'vitest';
import type { UpstreamProblem } from '../../../lambdas/core/problem.ts';
import { afterFailure, type Situation } from '../../../lambdas/gateway/call/after-failure.ts';

const overloaded: UpstreamProblem = { class: 'health', status: 503, code: 'x', message: '' };

const situation = (over: Partial<Situation> = {}): Situation => ({
  problem: overloaded,
  attemptsLeft: 2,
  legsLeft: 1,
  triesOfLeg: 1,
  timeLeftMs: 60_000,
  random: 0.5,
  ...over,
});

const withProblem = (problem: Partial<UpstreamProblem>, over: Partial<Situation> = {}) =>
  afterFailure(situation({ problem: { ...overloaded, ...problem }, ...over })).do;

describe('after a failed attempt', () => {
  test.each([
    ['a server error', { class: 'health', status: 500 }],
    ['a rate limit', { class: 'capacity', status: 429, retryAfterMs: 10 }],
    ['a refused credential', { class: 'credential', status: 401 }],
    ['a model that this provider lacks', { class: 'caller', status: 404 }],
  ] as const)('%s goes to the next leg where there is one', (_, problem) => {
    expect(withProblem(problem)).toBe('next-leg');
  });

  test.each([400, 413, 422])(
    'a refusal of the request itself (%i) is never tried again',
    (status) => {
      expect(withProblem({ class: 'caller', status })).toBe('give-up');
    },
  );

  test('nothing is tried again for a caller who has left', () => {
    expect(withProblem({ code: 'cancelled' })).toBe('give-up');
  });

  test('a spent budget of attempts or a passed deadline ends it', () => {
    expect(withProblem({}, { attemptsLeft: 0 })).toBe('give-up');
    expect(withProblem({}, { timeLeftMs: 0 })).toBe('give-up');
  });

  test('the last leg is tried once more for what a moment cures', () => {
    const last = { legsLeft: 0 };
    expect(withProblem({ class: 'health' }, last)).toBe('retry-same');
    expect(withProblem({ class: 'capacity', retryAfterMs: 100 }, last)).toBe('retry-same');
    expect(withProblem({ class: 'credential', status: 403 }, last)).toBe('give-up');
    expect(withProblem({ class: 'caller', status: 404 }, last)).toBe('give-up');
    expect(withProblem({}, { legsLeft: 0, triesOfLeg: 2 })).toBe('give-up');
  });

  test('a wait is as long as the provider asks, if that fits a quarter of the time left', () => {
    const asked = { ...overloaded, class: 'capacity', retryAfterMs: 900 } as const;
    const ok = afterFailure(situation({ problem: asked, legsLeft: 0, timeLeftMs: 4_000 }));
    expect(ok).toMatchObject({ do: 'retry-same', waitMs: 900 });
    const late = afterFailure(situation({ problem: asked, legsLeft: 0, timeLeftMs: 3_000 }));
    expect(late.do).toBe('give-up');
  });

  test('a wait that nobody asked for is drawn from the whole backoff', () => {
    const waits = [0, 0.5, 0.999].map((random) => {
      const decision = afterFailure(situation({ legsLeft: 0, random }));
      return decision.do === 'retry-same' ? decision.waitMs : undefined;
    });
    expect(waits).toEqual([0, 250, 500]);
  });
});
