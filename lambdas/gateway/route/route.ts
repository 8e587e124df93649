/** Routing: the candidates of a call in the order in which they should be tried. */
import type { Policy } from '../../core/policy.ts';
import type { Bound, Leg, Plan } from '../values.ts';
import { type Expectation, scoreRoute } from './score.ts';

/** English-like text runs at about four bytes a token; the bound counts every byte as one. */
const boundOverTypical = 4;
/** An answer is expected to take this much of a cap that nobody chose, and no more than so many. */
const expectedOutputShare = 0.5;
const expectedOutputTokensMax = 500;
/** Legs whose worth differs by less than this share are as good as equal: chance decides. */
const tieShare = 0.01;

/** A value: it can be shown, tested and replayed. `random` only splits ties. */
export function planRoute(bound: Bound, policy: Policy, random: () => number): Plan {
  const expected: Expectation = {
    inputTokens: Math.ceil(bound.inputTokensMax / boundOverTypical),
    outputTokens: Math.min(bound.outputCap * expectedOutputShare, expectedOutputTokensMax),
  };
  const ranked = bound.candidates
    .map((candidate): { leg: Leg; rank: number } => {
      const { price, route } = candidate;
      const score = scoreRoute(price, route.prior, policy.worth, expected);
      return { leg: { ...candidate, score }, rank: score.total * (1 + tieShare * random()) };
    })
    .sort((a, b) => a.leg.tier - b.leg.tier || a.rank - b.rank);
  return { legs: ranked.slice(0, policy.attempts.legsMax).map(({ leg }) => leg) };
}
