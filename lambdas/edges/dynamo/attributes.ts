/** Items as DynamoDB writes them, and how to read them without guessing. */
import { type Usd, usd, usdText } from '../../core/money.ts';

/** What we keep; a subset of the SDK's own union, so that items go to either client. */
export type AttributeValue =
  | { S: string }
  | { N: string }
  | { BOOL: boolean }
  | { NULL: true }
  | { M: Item }
  | { L: AttributeValue[] };

export type Item = Record<string, AttributeValue>;

export function textValue(text: string): AttributeValue {
  return { S: text };
}

export function countValue(count: number): AttributeValue {
  return { N: countText(count) };
}

/** A whole number in digits; throws a RangeError on any other. */
export function countText(count: number): string {
  if (!Number.isSafeInteger(count)) throw new RangeError(`not a whole number: ${count}`);
  return String(count);
}

export function usdValue(amount: Usd): AttributeValue {
  return { N: usdText(amount) };
}

export function readText(value: AttributeValue | undefined): string | undefined {
  return value !== undefined && 'S' in value ? value.S : undefined;
}

/** A whole number, or `undefined` where there is none; every count we keep fits a double. */
export function readCount(value: AttributeValue | undefined): number | undefined {
  return value !== undefined && 'N' in value ? Number(value.N) : undefined;
}

/** Money. DynamoDB may answer with an exponent (`1E-8`), which our own reader refuses. */
export function readUsd(value: AttributeValue | undefined): Usd | undefined {
  if (value === undefined || !('N' in value)) return undefined;
  return usd(plainDecimal(value.N));
}

export function readMap(value: AttributeValue | undefined): Item {
  return value !== undefined && 'M' in value ? value.M : {};
}

/** Writes a decimal without its exponent, by moving the point. */
export function plainDecimal(text: string): string {
  const parts = /^(-?)(\d+)(?:\.(\d+))?[eE]([+-]?\d+)$/.exec(text);
  if (parts === null) return text;
  const [, sign = '', whole = '0', fraction = '', exponentText = '0'] = parts;
  const digits = whole + fraction;
  const point = whole.length + Number(exponentText);
  if (Math.abs(point) > 60) throw new RangeError(`out of range: ${text}`);
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits + '0'.repeat(point - digits.length);
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}
