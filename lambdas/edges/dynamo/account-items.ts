/** The two accounts as items: addresses, attributes, and the holds that stand on them. */
import type { KeyLimits, KeySettings } from '../../core/accounts.ts';
import type { Hold } from '../../core/hold.ts';
import { type Usd, usd, usdText, zeroUsd } from '../../core/money.ts';
import {
  type AttributeValue,
  countValue,
  type Item,
  readCount,
  readFlag,
  readMap,
  readText,
  readUsd,
  textValue,
  usdValue,
} from './attributes.ts';
import { windowsOf } from './windows.ts';

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
  /** Epoch milliseconds of admission: tells the windows that were drawn on. */
  at: number;
  /** Absent on a hold that waits for a price: it never expires. */
  expiresAt?: number;
  unpriced: boolean;
  other: string;
};

export function holdValue(
  hold: { usd: Usd; tokens: number; at: number; expiresAt: number },
  other: string,
): AttributeValue {
  return {
    M: {
      usd: { N: usdText(hold.usd) },
      tokens: countValue(hold.tokens),
      at: countValue(hold.at),
      expiresAt: countValue(hold.expiresAt),
      other: { S: other },
    },
  };
}

export function readHold(
  callId: string,
  value: AttributeValue | undefined,
): StoredHold | undefined {
  if (value === undefined) return undefined;
  const map = readMap(value);
  const hold: StoredHold = {
    callId,
    usd: readUsd(map.usd) ?? zeroUsd,
    tokens: readCount(map.tokens) ?? 0,
    at: readCount(map.at) ?? 0,
    unpriced: readFlag(map.unpriced),
    other: readText(map.other) ?? '',
  };
  const expiresAt = readCount(map.expiresAt);
  if (expiresAt !== undefined) hold.expiresAt = expiresAt;
  return hold;
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
    const expiresAt = readCount(readMap(holds[callId]).expiresAt);
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
  const windows = windowsOf(stored.at);
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
