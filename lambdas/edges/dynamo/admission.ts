/** Admission as two conditional updates, and what an account's refusal says. */
import type { AdmitRequest, KeyClaim, Refusal } from '../../core/accounts.ts';
import { StoreError } from '../../core/accounts.ts';
import { maxUsd, type Usd, usdText, zeroUsd } from '../../core/money.ts';
import {
  holdValue,
  keyAccountKey,
  organisationAccountKey,
  readLimits,
  setUsd,
} from './account-items.ts';
import {
  countValue,
  type Item,
  readCount,
  readMap,
  readText,
  readUsd,
  usdValue,
} from './attributes.ts';
import type { UpdateInput } from './client.ts';
import {
  dayEndsInMs,
  laterMinute,
  minuteEndsInMs,
  monthEndsInMs,
  windowAttribute,
  windowsOf,
} from './windows.ts';

/*
 * A window starts from the limit beside it the first time that it is drawn on:
 *
 *   minute 41            minute 42 (no attribute yet)        minute 42
 *   r41 = 0   refused    r42 = if_not_exists(r42, rpm) − 1   r42 = rpm − 1
 *
 * Nothing is read first and nothing resets anything. A condition has no arithmetic, which is why
 * windows are kept as what remains.
 */
const isActive = '#status = :active';
const hasNoSuchHold = 'attribute_not_exists(holds.#id)';
const has = (window: string, limit: string, amount: string): string =>
  `((attribute_not_exists(${window}) AND ${limit} >= ${amount}) OR ${window} >= ${amount})`;

const keyConditions = {
  isActive,
  secretMatches: '(secretHash = :hash OR (secretHash2 = :hash AND secret2Until > :now))',
  hasNotExpired: '(attribute_not_exists(expiresAt) OR expiresAt > :now)',
  hasRequests: has('#r', 'rpm', ':one'),
  hasTokens: has('#t', 'tpm', ':tokens'),
  hasDailyUsd: has('#d', 'daily', ':usd'),
  hasRoom: 'size(holds) < concurrency',
  hasNoSuchHold,
};
const keyCondition = Object.values(keyConditions).join(' AND ');
/*
 * What a caller is told of its key comes with the answer: `UPDATED_NEW` gives what was assigned, so
 * limits and settings are assigned to themselves. `ALL_NEW` would bring every hold along.
 */
const tellsTheCaller =
  'rpm = rpm, tpm = tpm, concurrency = concurrency, daily = daily, settings = settings';
const keyUpdate =
  'SET #r = if_not_exists(#r, rpm) - :one, #t = if_not_exists(#t, tpm) - :tokens, ' +
  `#d = if_not_exists(#d, daily) - :usd, holds.#id = :hold, ${tellsTheCaller}`;

const organisationConditions = {
  isActive,
  canPay: '(billing = :postpaid OR balance >= :usd)',
  hasBudget: has('#b', 'budget', ':usd'),
  hasNoSuchHold,
};
const organisationCondition = Object.values(organisationConditions).join(' AND ');
const organisationUpdate =
  'SET balance = balance - :usd, #b = if_not_exists(#b, budget) - :usd, holds.#id = :hold';

/** `look`: asks for the whole account, to see what others left on it. */
export function holdOnKey(tableName: string, request: AdmitRequest, look: boolean): UpdateInput {
  const { claim, hold, now } = request;
  const windows = windowsOf(now);
  const terms = { ...hold, minuteWindow: windows.minute, expiresAt: request.expiresAt };
  return {
    TableName: tableName,
    Key: keyAccountKey(claim.keyId),
    UpdateExpression: keyUpdate,
    ConditionExpression: keyCondition,
    ExpressionAttributeNames: {
      '#status': 'status',
      '#r': windowAttribute.requests(windows.minute),
      '#t': windowAttribute.tokens(windows.minute),
      '#d': windowAttribute.daily(windows.day),
      '#id': request.callId,
    },
    ExpressionAttributeValues: {
      ':active': { S: 'active' },
      ':hash': { S: claim.secretHash },
      ':now': countValue(now),
      ':one': { N: '1' },
      ':tokens': countValue(hold.tokens),
      ':usd': usdValue(hold.usd),
      ':hold': holdValue(terms, claim.organisationId),
    },
    ReturnValues: look ? 'ALL_NEW' : 'UPDATED_NEW',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  };
}

export function holdOnOrganisation(
  tableName: string,
  request: AdmitRequest,
  look: boolean,
): UpdateInput {
  const { claim, hold, now } = request;
  const windows = windowsOf(now);
  const terms = { ...hold, minuteWindow: windows.minute, expiresAt: request.expiresAt };
  return {
    TableName: tableName,
    Key: organisationAccountKey(claim.organisationId),
    UpdateExpression: organisationUpdate,
    ConditionExpression: organisationCondition,
    ExpressionAttributeNames: {
      '#status': 'status',
      '#b': windowAttribute.budget(windows.month),
      '#id': request.callId,
    },
    ExpressionAttributeValues: {
      ':active': { S: 'active' },
      ':postpaid': { S: 'postpaid' },
      ':usd': usdValue(hold.usd),
      ':hold': holdValue(terms, claim.keyId),
    },
    ReturnValues: look ? 'ALL_NEW' : 'NONE',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  };
}

/** Reads a key's refusal from what its account was; the order is the order of the conditions. */
export function keyRefusal(item: Item | undefined, request: AdmitRequest): Refusal {
  if (item === undefined) return { by: 'key', because: 'unknown' };
  const { hold, now } = request;
  const identity = identityRefusal(item, request.claim, now);
  if (identity !== undefined) return { by: 'key', because: identity };
  const windows = windowsOf(now);
  const limits = readLimits(item);

  const requests = readCount(item[windowAttribute.requests(windows.minute)] ?? item.rpm) ?? 0;
  if (requests < 1) {
    const limit = limits.requestsPerMinute ?? 0;
    return { by: 'key', because: 'requests', limit, remaining: 0, resetMs: minuteEndsInMs(now) };
  }
  const tokens = readCount(item[windowAttribute.tokens(windows.minute)] ?? item.tpm) ?? 0;
  if (tokens < hold.tokens) {
    const limit = limits.tokensPerMinute ?? 0;
    const resetMs = tokensResetInMs(item, windows.minute, Math.min(hold.tokens, limit), now);
    return { by: 'key', because: 'tokens', limit, remaining: Math.max(tokens, 0), resetMs };
  }
  const daily = readUsd(item[windowAttribute.daily(windows.day)] ?? item.daily) ?? zeroUsd;
  if (daily.lessThan(hold.usd)) {
    const remaining = maxUsd(daily, zeroUsd);
    const limit = limits.dailyUsd ?? zeroUsd;
    return { by: 'key', because: 'daily_spend', limit, remaining, resetMs: dayEndsInMs(now) };
  }
  const inUse = Object.keys(readMap(item.holds)).length;
  const limit = limits.concurrency ?? 0;
  if (inUse >= limit) return { by: 'key', because: 'concurrency', limit, remaining: 0 };
  throw new StoreError('the key account refused, and does not say why');
}

function identityRefusal(item: Item, claim: KeyClaim, now: number) {
  if (readText(item.status) !== 'active') return 'revoked';
  const second = (readCount(item.secret2Until) ?? 0) > now ? readText(item.secretHash2) : undefined;
  if (readText(item.secretHash) !== claim.secretHash && second !== claim.secretHash) {
    return 'wrong_secret';
  }
  const expiresAt = readCount(item.expiresAt);
  return expiresAt !== undefined && expiresAt <= now ? 'expired' : undefined;
}

/** When so many tokens are free again: debts may have been carried into the windows to come. */
function tokensResetInMs(item: Item, minute: string, tokens: number, now: number): number {
  let ahead = 1;
  for (; ahead < tokenDebtMinutesMax; ahead++) {
    const carried = readCount(item[windowAttribute.tokens(laterMinute(minute, ahead))]);
    if (carried === undefined || carried >= tokens) break;
  }
  return minuteEndsInMs(now) + (ahead - 1) * 60_000;
}

/** How far ahead a debt of tokens is carried; what is left after that is forgiven. */
export const tokenDebtMinutesMax = 60;

export function organisationRefusal(item: Item | undefined, request: AdmitRequest): Refusal {
  if (item === undefined) return { by: 'organisation', because: 'unknown' };
  if (readText(item.status) !== 'active') return { by: 'organisation', because: 'suspended' };
  const { hold, now } = request;
  const balance = readUsd(item.balance) ?? zeroUsd;
  if (readText(item.billing) !== 'postpaid' && balance.lessThan(hold.usd)) {
    return { by: 'organisation', because: 'balance', remaining: maxUsd(balance, zeroUsd) };
  }
  const remaining = budgetRemaining(item, now);
  if (remaining.lessThan(hold.usd)) {
    const limit = setUsd(item.budget) ?? zeroUsd;
    return {
      by: 'organisation',
      because: 'budget',
      limit,
      remaining: maxUsd(remaining, zeroUsd),
      resetMs: monthEndsInMs(now),
    };
  }
  throw new StoreError(`the organisation refused ${usdText(hold.usd)}, and does not say why`);
}

function budgetRemaining(item: Item, now: number): Usd {
  return readUsd(item[windowAttribute.budget(windowsOf(now).month)] ?? item.budget) ?? zeroUsd;
}
