/** Usage records as items: the first one written for a call is the truth about it. */
import { dayOfCallId, timeOfCallId } from '../../core/call-id.ts';
import { maxUsd, type Usd, usdText, zeroUsd } from '../../core/money.ts';
import type { UsageRecord } from '../../core/usage-record.ts';
import { countValue, type Item, readCount, readText, readUsd, textValue } from './attributes.ts';

/** What a record means for the two accounts. */
export type Outcome = {
  /** `undefined`: delivered but not priced; the organisation's hold stays. */
  costUsd: Usd | undefined;
  tokens: number;
};

export function usageKey(organisationId: string, callId: string): Item {
  return {
    pk: textValue(usagePartition(organisationId, dayOfCallId(callId))),
    sk: textValue(`call#${callId}`),
  };
}

/** All calls of an organisation on a UTC day, `yyyymmdd`. */
export function usagePartition(organisationId: string, day: string): string {
  return `org#${organisationId}#${day}`;
}

/**
 * What the caller is charged: never more than was held, since nothing more was set aside for it.
 * An upstream that bills more than its cap allows bills us: the excess is named in the receipt.
 */
export function chargeWithin(held: Usd, costUsd: Usd): { charged: Usd; loss: Usd } {
  const loss = maxUsd(costUsd.minus(held), zeroUsd);
  return { charged: costUsd.minus(loss), loss };
}

export function usageItem(record: UsageRecord, outcome: Outcome): Item {
  const item: Item = {
    ...usageKey(record.organisationId, record.callId),
    keyId: textValue(record.keyId),
    status: textValue(record.status),
    tokens: countValue(outcome.tokens),
    record: textValue(JSON.stringify(record)),
  };
  if (outcome.costUsd !== undefined) item.costUsd = { N: usdText(outcome.costUsd) };
  return item;
}

export function readOutcome(item: Item): Outcome {
  return { costUsd: readUsd(item.costUsd), tokens: readCount(item.tokens) ?? 0 };
}

/** A record as it is kept: what the call said of itself, and what it was charged in the end. */
export type StoredUsage = Outcome & { record: UsageRecord };

export function readUsage(item: Item): StoredUsage {
  const text = readText(item.record);
  if (text === undefined) throw new TypeError('a usage item without its record');
  return { record: JSON.parse(text) as UsageRecord, ...readOutcome(item) };
}

/**
 * The record of a call whose process ended without writing one. Nobody knows what was delivered,
 * so the caller owes nothing; what a provider bills for it is ours to bear.
 */
export function recoveredRecord(
  callId: string,
  keyId: string,
  organisationId: string,
): UsageRecord {
  return {
    callId,
    organisationId,
    keyId,
    receivedAt: timeOfCallId(callId) ?? 0,
    format: 'unknown',
    stream: false,
    model: 'unknown',
    policyVersion: 'unknown',
    status: 'failed',
    httpStatus: 0,
    problem: 'internal',
    attempts: [],
    plan: [],
    dropped: [],
    receipt: {
      basis: 'none',
      lines: [],
      totalUsd: '0',
      tokens: {},
      because: 'recovered: the process ended before the call was settled',
    },
    segments: { steps: {}, routingMs: 0, upstreamMs: 0, cacheMs: 0, totalMs: 0 },
  };
}
