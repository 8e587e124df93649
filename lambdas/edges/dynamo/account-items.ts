/** The two accounts as items: addresses, attributes, and the holds that stand on them. */
import { type KeyLimits, type KeySettings, StoreError } from '../../core/accounts.ts';
import { timeOfCallId } from '../../core/call-id.ts';
import type { Hold } from '../../core/hold.ts';
import { type Usd, usd, usdText } from '../../core/money.ts';
import {
  type AttributeValue,
  countText,
  countValue,
  type Item,
  readCount,
  readMap,
  readText,
  readUsd,
  textValue,
  usdValue,
} from './attributes.ts';
import { minuteStart, windowsOf } from './windows.ts';

/**
 * A limit that is not set is stored as this, so that expressions need no case for it: the account
 * says it, and nobody can use it up. A trillion leaves 26 of DynamoDB's 38 digits for decimals.
 */
export const unlimitedText = '1000000000000';
const unlimitedCount = Number(unlimitedText);
const unlimitedUsd = usd(unlimitedText);

export function keyAccountKey(keyId: string): Item {
  return { pk: textValue(`key#${keyId}`) };
}

/** The number is the shard; every organisation has one for now, and the address has room. */
export function organisationAccountKey(organisationId: string): Item {
  return { pk: textValue(`org#${organisationId}#0`) };
}

export function limitAttributes(limits: KeyLimits): Item {
  return {
    rpm: countValue(limits.requestsPerMinute ?? unlimitedCount),
    tpm: countValue(limits.tokensPerMinute ?? unlimitedCount),
    concurrency: countValue(limits.concurrency ?? unlimitedCount),
    daily: usdValue(limits.dailyUsd ?? unlimitedUsd),
  };
}

export function readLimits(item: Item): KeyLimits {
  const limits: KeyLimits = {};
  const requests = setCount(item.rpm);
  if (requests !== undefined) limits.requestsPerMinute = requests;
  const tokens = setCount(item.tpm);
  if (tokens !== undefined) limits.tokensPerMinute = tokens;
  const concurrency = setCount(item.concurrency);
  if (concurrency !== undefined) limits.concurrency = concurrency;
  const daily = setUsd(item.daily);
  if (daily !== undefined) limits.dailyUsd = daily;
  return limits;
}

function setCount(value: AttributeValue | undefined): number | undefined {
  const count = readCount(value);
  return count === undefined || count >= unlimitedCount ? undefined : count;
}

/** Money that is a limit; `undefined` where the limit is not set. */
export function setUsd(value: AttributeValue | undefined): Usd | undefined {
  const amount = readUsd(value);
  return amount === undefined || amount.greaterThanOrEqualTo(unlimitedUsd) ? undefined : amount;
}

export function budgetValue(budget: Usd | undefined): AttributeValue {
  return usdValue(budget ?? unlimitedUsd);
}

export function readSettings(item: Item): KeySettings {
  const text = readText(item.settings);
  return text === undefined ? {} : (JSON.parse(text) as KeySettings);
}

/** A hold as it stands on an account; `other` is the id of the account that holds it too. */
export type StoredHold = {
  callId: string;
  usd: Usd;
  tokens: number;
  /** The minute of admission: tells the windows that were drawn on. */
  minuteWindow: string;
  /** Epoch milliseconds of the call, as its id tells them. */
  at: number;
  /** Absent on a hold that waits for a price: it never expires. */
  expiresAt?: number;
  unpriced: boolean;
  other: string;
};

/*
 * One text a hold, since a store takes far longer over maps within maps, and an item's size is
 * what a write costs. The id of the other account comes last, so it may contain anything:
 *
 *   1|1790000960000|29833333|0.01234|4321|key_0123456789abcdef
 *   version, expiry (empty: waits for a price), minute, dollars, tokens, other account
 */
const holdVersion = '1';
const holdPattern = /^1\|(\d*)\|(\d+)\|([^|]+)\|(\d+)\|(.*)$/s;
const expiryStart = `${holdVersion}|`;

type HoldTerms = { usd: Usd; tokens: number; minuteWindow: string };

export function holdValue(hold: HoldTerms & { expiresAt: number }, other: string): AttributeValue {
  return { S: holdText(hold, countText(hold.expiresAt), other) };
}

/** The same hold once it waits for a price. */
export function waitingHoldValue(hold: HoldTerms, other: string): AttributeValue {
  return { S: holdText(hold, '', other) };
}

function holdText(hold: HoldTerms, expiry: string, other: string): string {
  const { minuteWindow, usd: amount } = hold;
  const tokens = countText(hold.tokens);
  return `${holdVersion}|${expiry}|${minuteWindow}|${usdText(amount)}|${tokens}|${other}`;
}

/** Throws on a hold written in another way: money must not be read wrongly. */
export function readHold(
  callId: string,
  value: AttributeValue | undefined,
): StoredHold | undefined {
  if (value === undefined) return undefined;
  const parts = holdPattern.exec(readText(value) ?? '');
  if (parts === null) throw new StoreError(`the hold of ${callId} cannot be read`);
  const [, expiry = '', minuteWindow = '', amount = '', tokens = '', other = ''] = parts;
  const hold: StoredHold = {
    callId,
    usd: usd(amount),
    tokens: Number(tokens),
    minuteWindow,
    at: timeOfCallId(callId) ?? minuteStart(minuteWindow),
    unpriced: expiry === '',
    other,
  };
  if (expiry !== '') hold.expiresAt = Number(expiry);
  return hold;
}

/** Only the expiry, without reading the rest; `undefined` where the hold has none. */
function readExpiry(value: AttributeValue | undefined): number | undefined {
  const text = readText(value);
  if (text === undefined || !text.startsWith(expiryStart)) return undefined;
  const end = text.indexOf('|', expiryStart.length);
  return end <= expiryStart.length ? undefined : Number(text.slice(expiryStart.length, end));
}

export function readHolds(item: Item): StoredHold[] {
  const holds: StoredHold[] = [];
  for (const [callId, value] of Object.entries(readMap(item.holds))) {
    const hold = readHold(callId, value);
    if (hold !== undefined) holds.push(hold);
  }
  return holds;
}

/** Holds whose process can no longer be alive. Looks at the times alone: most calls find none. */
export function expiredHolds(item: Item, now: number): StoredHold[] {
  const expired: StoredHold[] = [];
  const holds = readMap(item.holds);
  for (const callId in holds) {
    const expiresAt = readExpiry(holds[callId]);
    if (expiresAt === undefined || expiresAt > now) continue;
    const hold = readHold(callId, holds[callId]);
    if (hold !== undefined) expired.push(hold);
  }
  return expired;
}

/** A stored hold as the rest of the program knows it. */
export function holdOf(
  stored: StoredHold,
  of: { callId: string; keyId: string; organisationId: string },
): Hold {
  const windows = windowsOf(minuteStart(stored.minuteWindow));
  return {
    ...of,
    usd: stored.usd,
    tokens: stored.tokens,
    minuteWindow: windows.minute,
    dayWindow: windows.day,
    budgetWindow: windows.month,
    expiresAt: stored.expiresAt ?? 0,
  };
}
