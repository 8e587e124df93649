/** What a reply owes: its upstream's own usage, or an estimate by name where it was cut short. */
import type { Price } from '../../core/policy.ts';
import type { Usage } from '../../core/usage.ts';
import type { Measured } from '../values.ts';
import { owesNothing, type Priced, priceUsage } from './price.ts';

/**
 * English-like text runs at about four bytes a token; an estimate, and called one (decision 0007).
 */
const bytesPerTokenTypical = 4;

/**
 * A reply that ended as it should is priced from its upstream's usage alone. One that was cut, or
 * whose caller left, usually has no final usage: what was delivered is counted instead, and the
 * receipt says so. Where nothing was delivered and nothing reported, nothing is owed.
 */
export function chargeFor(measured: Measured, price: Price, inputBytes: number): Priced {
  if (measured.end === 'complete') return priceUsage(measured.usage, price, 'upstream');
  if (measured.deliveredBytes === 0 && measured.usage === undefined) return owesNothing();
  return priceUsage(deliveredUsage(measured, inputBytes), price, 'delivered');
}

function deliveredUsage(measured: Measured, inputBytes: number): Usage {
  const reported = measured.usage;
  const counted = Math.ceil(measured.deliveredBytes / bytesPerTokenTypical);
  const output = Math.max(reported?.tokens.output ?? 0, counted);
  const input = reported?.tokens.input ?? Math.ceil(inputBytes / bytesPerTokenTypical);
  return { ...reported, raw: reported?.raw, tokens: { ...reported?.tokens, input, output } };
}
