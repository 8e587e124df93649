/** What a reply owes: its upstream's own usage, or an estimate by name where it was cut short. */
import type { Price } from '../../core/policy.ts';
import type { Usage } from '../../core/usage.ts';
import type { Measured } from '../values.ts';
import { owesNothing, type Priced, priceUsage } from './price.ts';

/**
 * English-like text runs at about four bytes a token; an estimate, and called one (decision 0007).
 */
const bytesPerTokenTypical = 4;

/** What to go by where an upstream reports nothing: probable input, and how many answers run. */
export type Estimate = {
  inputTokens: number;
  choices: number;
  /** What the vendor bills by the piece for every such call, and does not report. */
  unreported: Record<string, number>;
};

/**
 * A reply that ended as it should is priced from its upstream's usage alone. One that was cut, or
 * whose caller left, usually has no final usage: what was delivered is counted instead, and the
 * receipt says so. Where nothing was delivered and nothing reported, nothing is owed.
 */
export function chargeFor(measured: Measured, price: Price, estimate: Estimate): Priced {
  const { end, usage, deliveredBytes } = measured;
  if (end !== 'complete') {
    if (deliveredBytes === 0 && usage === undefined) return owesNothing();
    return priceUsage(deliveredUsage(measured, estimate), price, 'delivered');
  }
  const { output, outputAudio } = usage?.tokens ?? {};
  const silent = output === undefined && outputAudio === undefined && deliveredBytes > 0;
  // Not reported is not none: output that was delivered and not counted cannot be priced.
  return priceUsage(silent ? undefined : withUnreported(usage, estimate), price, 'upstream');
}

function withUnreported(usage: Usage | undefined, { unreported }: Estimate): Usage | undefined {
  return usage && { ...usage, requests: { ...unreported, ...usage.requests } };
}

function deliveredUsage(measured: Measured, estimate: Estimate): Usage {
  const reported = measured.usage;
  // Only the first of several answers is read.
  const bytes = measured.deliveredBytes * estimate.choices;
  const counted = Math.ceil(bytes / bytesPerTokenTypical);
  const output = Math.max(reported?.tokens.output ?? 0, counted);
  const input = reported?.tokens.input ?? estimate.inputTokens;
  const requests = { ...estimate.unreported, ...reported?.requests };
  return {
    ...reported,
    requests,
    raw: reported?.raw,
    tokens: { ...reported?.tokens, input, output },
  };
}
