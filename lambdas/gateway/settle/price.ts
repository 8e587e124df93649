/** From usage to cost: every reported class at its rate, in decimals, or no price at all. */
import { perMillion, sumUsd, timesCount, type Usd, usdText, zeroUsd } from '../../core/money.ts';
import type { Price } from '../../core/policy.ts';
import type { Receipt, ReceiptLine } from '../../core/receipt.ts';
import { tokenClasses, type Usage } from '../../core/usage.ts';

export type Priced = { receipt: Receipt; totalUsd: Usd };

/** No call uses a billion of anything: such a count is an upstream's fault. */
const countMax = 1_000_000_000;

type Basis = 'upstream' | 'delivered';

/**
 * Fails closed: a class that was reported without a rate, or no usage at all, gives a receipt
 * with basis `missing`, which is never taken for a cost of nothing.
 */
export function priceUsage(usage: Usage | undefined, price: Price, basis: Basis): Priced {
  if (usage === undefined || usage.tokens.input === undefined) {
    return unpriced(usage, price, 'the upstream reported no usage');
  }
  const items: { what: string; count: number; unit: Usd }[] = [];
  for (const name of tokenClasses) {
    const count = usage.tokens[name];
    if (count === undefined || count === 0) continue;
    if (count > countMax) return implausible(usage, price, name);
    const rate = price.perMillion[name];
    if (rate === undefined) return unpriced(usage, price, `there is no price for ${name} tokens`);
    items.push({ what: name, count, unit: perMillion(rate) });
  }
  for (const [name, count] of Object.entries(usage.requests ?? {})) {
    if (count === 0) continue;
    if (count > countMax) return implausible(usage, price, name);
    const unit = price.perPiece?.[name];
    if (unit === undefined) return unpriced(usage, price, `there is no price for ${name}`);
    items.push({ what: name, count, unit });
  }
  if (price.perRequest !== undefined && !price.perRequest.isZero()) {
    items.push({ what: 'request', count: 1, unit: price.perRequest });
  }
  const amounts = items.map(({ unit, count }) => timesCount(unit, count));
  const totalUsd = sumUsd(amounts);
  const lines = items.map(
    ({ what, count, unit }, index): ReceiptLine => ({
      what,
      count,
      unitUsd: usdText(unit),
      amountUsd: usdText(amounts[index] ?? zeroUsd),
    }),
  );
  return {
    totalUsd,
    receipt: { ...facts(usage, price), basis, lines, totalUsd: usdText(totalUsd) },
  };
}

/** The cost as callers read it; `undefined` where there is none to tell. */
export function costText({ receipt }: Priced): string | undefined {
  return receipt.basis === 'missing' ? undefined : receipt.totalUsd;
}

/** Nothing was delivered, so nothing is owed. */
export function owesNothing(): Priced {
  return {
    totalUsd: zeroUsd,
    receipt: { basis: 'none', lines: [], totalUsd: '0', tokens: {} },
  };
}

/** The counts are left to the raw block: nothing may be reckoned with them. */
function implausible(usage: Usage, price: Price, name: string): Priced {
  return unpriced({ ...usage, tokens: {} }, price, `${name} cannot be so many`);
}

/** Delivered, and not to be priced: never taken for a cost of nothing. */
export function unpriced(
  usage: Usage | undefined,
  price: Price | undefined,
  because: string,
): Priced {
  return {
    totalUsd: zeroUsd,
    receipt: { ...facts(usage, price), basis: 'missing', lines: [], totalUsd: '0', because },
  };
}

function facts(
  usage: Usage | undefined,
  price: Price | undefined,
): Pick<Receipt, 'priceVersion' | 'tokens' | 'reasoningTokens' | 'raw'> {
  return {
    priceVersion: price?.version,
    tokens: usage?.tokens ?? {},
    reasoningTokens: usage?.reasoning,
    raw: usage?.raw === undefined ? undefined : JSON.stringify(usage.raw),
  };
}
