/** Money: exact decimals from the catalog to the ledger. Nothing here ever becomes a `number`. */
import { Decimal as DecimalClass } from 'decimal.js';

/**
 * DynamoDB keeps 38 significant digits, so that is what we compute with. Prices are multiplied by
 * token counts and summed: both stay exact within 38 digits, no rounding rule is ever reached.
 */
const Money = DecimalClass.clone({ precision: 38, toExpNeg: -50, toExpPos: 50 });

export type Usd = DecimalClass;

export const zeroUsd: Usd = new Money(0);

/** Reads a decimal string such as `"0.00000015"`; throws a RangeError on anything else. */
export function usd(text: string): Usd {
  if (!/^-?\d{1,30}(\.\d{1,30})?$/.test(text)) throw new RangeError(`not a decimal: ${text}`);
  return new Money(text);
}

/** The plain decimal string, without exponent: `"0.00000015"`. */
export function usdText(amount: Usd): string {
  return amount.toFixed();
}

export function sumUsd(amounts: Iterable<Usd>): Usd {
  let total = zeroUsd;
  for (const amount of amounts) total = total.plus(amount);
  return total;
}

/** A unit price times a whole count. */
export function timesCount(unitPrice: Usd, count: number): Usd {
  if (!Number.isSafeInteger(count) || count < 0) throw new RangeError(`not a count: ${count}`);
  return unitPrice.times(count);
}

/** A price quoted for a million units, brought to one unit. Exact: only the exponent changes. */
export function perMillion(amount: Usd): Usd {
  return amount.times(MILLIONTH);
}
const MILLIONTH = new Money('0.000001');

export function maxUsd(a: Usd, b: Usd): Usd {
  return a.greaterThanOrEqualTo(b) ? a : b;
}

/**
 * How many whole units fit into an amount, at most `countMax`.
 * Used to say what a caller can still afford; never to bill.
 */
export function unitsAfforded(amount: Usd, unitPrice: Usd, countMax: number): number {
  if (amount.isNegative()) return 0;
  if (unitPrice.isZero()) return countMax;
  const units = amount.dividedToIntegerBy(unitPrice);
  return units.greaterThan(countMax) ? countMax : units.toNumber();
}

/** A rough magnitude for ranking routes against seconds and errors; never billed, never stored. */
export function magnitudeForRanking(amount: Usd): number {
  return amount.toNumber();
}
