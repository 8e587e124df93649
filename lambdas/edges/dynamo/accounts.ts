/** Accounts in DynamoDB: admission in one round trip, settling once, and healing on the way. */
import {
  type Accounts,
  type AdmitOutcome,
  type AdmitRequest,
  type KeySettings,
  type Refusal,
  type SettleRequest,
  StoreError,
} from '../../core/accounts.ts';
import type { Hold } from '../../core/hold.ts';
import { usdText } from '../../core/money.ts';
import type { Clock } from '../../core/ports.ts';
import type { TableNames } from '../../core/settings.ts';
import { expiredHolds, keyAccountKey, readLimits, readSettings } from './account-items.ts';
import { holdOnKey, holdOnOrganisation, keyRefusal, organisationRefusal } from './admission.ts';
import { type Item, readCount, readMap } from './attributes.ts';
import { ConditionFailed, type DynamoClient, type UpdateInput } from './client.ts';
import { type Healed, heal, type Suspect } from './healing.ts';
import { createSettlement, type Settlement, type Stale } from './settlement.ts';
import { chargeWithin, type Outcome } from './usage-items.ts';
import { staleWindows, windowAttribute, windowsOf } from './windows.ts';

export type DynamoAccountsOptions = {
  client: DynamoClient;
  tables: TableNames;
  clock: Pick<Clock, 'now'>;
};

export type DynamoAccounts = Accounts & {
  /** Looks into a hold whose process may have died; safe to repeat. The sweeper's tool. */
  heal(suspect: Suspect): Promise<Healed>;
};

/** What admission saw that settling can put right in writes it makes anyway. */
type Leftovers = { stale: Stale; suspects: Suspect[] };

/** An account is asked for in whole this often; otherwise its holds need not be sent. */
const lookEveryMs = 10_000;
/** Settings are small, and keys in use on one process few. */
const settingsSeenMax = 10_000;
/** How many dead holds one call looks into. */
const healsMax = 4;

export function createDynamoAccounts(options: DynamoAccountsOptions): DynamoAccounts {
  const { client, tables, clock } = options;
  const settlement = createSettlement(client, tables, clock);
  const leftovers = new WeakMap<Hold, Leftovers>();
  const looksAtKey = createLookout();
  const looksAtOrganisation = createLookout();
  const seen = new Map<string, KeySettings>();
  const healAll = async (suspects: Suspect[]): Promise<void> => {
    for (const suspect of suspects.slice(0, healsMax)) {
      await heal(client, tables, settlement, suspect, clock.now());
    }
  };

  const wholeKey = async (keyId: string): Promise<Item> => {
    const key = { TableName: tables.counters, Key: keyAccountKey(keyId), ConsistentRead: true };
    const item = await client.getItem(key);
    if (item === undefined) throw new StoreError('the account of an admitted key is gone');
    return item;
  };

  const attempt = async (request: AdmitRequest): Promise<Attempted> => {
    const { claim, now } = request;
    const lookAtKey = looksAtKey(claim.keyId, now);
    const lookAtOrganisation = looksAtOrganisation(claim.organisationId, now);
    const [onKey, onOrganisation] = await Promise.all([
      tryHold(client, holdOnKey(tables.counters, request, lookAtKey)),
      tryHold(client, holdOnOrganisation(tables.counters, request, lookAtOrganisation)),
    ]);
    const hold = holdOf(request);
    if (isHeld(onKey, hold) && isHeld(onOrganisation, hold)) {
      if (lookAtKey || lookAtOrganisation) {
        leftovers.set(hold, leftBehind(onKey.item, onOrganisation.item, request));
      }
      // Should a store not tell what was assigned to itself, a key's scope must not be lost with
      // it.
      const told = onKey.item.settings === undefined ? await wholeKey(claim.keyId) : onKey.item;
      const outcome = admitted(told, request, hold);
      if (seen.size >= settingsSeenMax) seen.clear();
      if (outcome.admitted) seen.set(hold.keyId, outcome.caller.settings);
      return { outcome, suspects: [] };
    }
    return await refused(settlement, request, onKey, onOrganisation);
  };

  return {
    settingsSeen: (keyId) => seen.get(keyId),
    async admit(request) {
      const first = await attempt(request);
      if (first.suspects.length === 0) return first.outcome;
      await healAll(first.suspects);
      return (await attempt(request)).outcome;
    },
    async settle(request) {
      const { hold } = request;
      const left = leftovers.get(hold);
      const { record, outcome } = charged(request);
      const committed = await settlement.commit(record, outcome);
      await settlement.post(hold, committed.outcome, left?.stale);
      if (left !== undefined) {
        leftovers.delete(hold);
        await healAll(left.suspects);
      }
      return committed.first ? 'settled' : 'already-settled';
    },
    heal: (suspect) => heal(client, tables, settlement, suspect, clock.now()),
  };
}

/** The suspects are dead holds that a refusal may be due to: heal them, and ask once more. */
type Attempted = { outcome: AdmitOutcome; suspects: Suspect[] };

type Tried =
  | { held: true; item: Item }
  | { held: false; item: Item | undefined }
  | { held: false; fault: unknown };

async function tryHold(client: DynamoClient, input: UpdateInput): Promise<Tried> {
  try {
    return { held: true, item: await client.updateItem(input) };
  } catch (error) {
    if (error instanceof ConditionFailed) return { held: false, item: error.item };
    return { held: false, fault: error };
  }
}

/** Our own hold in the old item means that an earlier try of this very call had landed. */
function isHeld(tried: Tried, hold: Hold): tried is Tried & { item: Item } {
  if (tried.held) return true;
  if ('fault' in tried || tried.item === undefined) return false;
  return readMap(tried.item.holds)[hold.callId] !== undefined;
}

function holdOf(request: AdmitRequest): Hold {
  const windows = windowsOf(request.now);
  return {
    usd: request.hold.usd,
    tokens: request.hold.tokens,
    callId: request.callId,
    keyId: request.claim.keyId,
    organisationId: request.claim.organisationId,
    minuteWindow: windows.minute,
    dayWindow: windows.day,
    budgetWindow: windows.month,
    expiresAt: request.expiresAt,
  };
}

function admitted(item: Item, request: AdmitRequest, hold: Hold): AdmitOutcome {
  const limits = readLimits(item);
  const remaining: { requests?: number; tokens?: number } = {};
  if (limits.requestsPerMinute !== undefined) {
    remaining.requests = readCount(item[windowAttribute.requests(hold.minuteWindow)]) ?? 0;
  }
  if (limits.tokensPerMinute !== undefined) {
    remaining.tokens = readCount(item[windowAttribute.tokens(hold.minuteWindow)]) ?? 0;
  }
  const { keyId, organisationId } = request.claim;
  const caller = { keyId, organisationId, limits, settings: readSettings(item), remaining };
  return { admitted: true, caller, hold };
}

/** Nothing may stay behind of a call that was not admitted: what one account held goes back. */
async function refused(
  settlement: Settlement,
  request: AdmitRequest,
  onKey: Tried,
  onOrganisation: Tried,
): Promise<Attempted> {
  const hold = holdOf(request);
  const from = { key: isHeld(onKey, hold), organisation: isHeld(onOrganisation, hold) };
  const released = settlement.release(hold, from);
  const fault = faultOf(onKey) ?? faultOf(onOrganisation);
  if (fault !== undefined) {
    await released.catch(() => {});
    throw fault instanceof StoreError
      ? fault
      : new StoreError('admission failed', { cause: fault });
  }
  await released;
  const keyItem = 'item' in onKey ? onKey.item : undefined;
  const organisationItem = 'item' in onOrganisation ? onOrganisation.item : undefined;
  const refusal: Refusal = from.key
    ? organisationRefusal(organisationItem, request)
    : keyRefusal(keyItem, request);
  const outcome: AdmitOutcome = { admitted: false, refusal };
  const known = refusal.by === 'organisation' || !identityReasons.has(refusal.because);
  if (keyItem !== undefined && known) outcome.settings = readSettings(keyItem);
  const suspects = healable.has(refusal.because)
    ? suspectsOn(keyItem, organisationItem, request)
    : [];
  return { outcome, suspects };
}
const identityReasons = new Set(['unknown', 'revoked', 'expired', 'wrong_secret']);
/** What a dead hold takes up; a minute's windows give nothing back by then. */
const healable = new Set(['concurrency', 'daily_spend', 'balance', 'budget']);

function faultOf(tried: Tried): unknown {
  return 'fault' in tried ? tried.fault : undefined;
}

function leftBehind(keyItem: Item, organisationItem: Item, request: AdmitRequest): Leftovers {
  const { now } = request;
  return {
    stale: {
      key: staleWindows(Object.keys(keyItem), now),
      organisation: staleWindows(Object.keys(organisationItem), now),
    },
    suspects: suspectsOn(keyItem, organisationItem, request),
  };
}

function suspectsOn(
  keyItem: Item | undefined,
  organisationItem: Item | undefined,
  request: AdmitRequest,
): Suspect[] {
  const { keyId, organisationId } = request.claim;
  const suspects = new Map<string, Suspect>();
  if (keyItem !== undefined) {
    for (const { callId } of expiredHolds(keyItem, request.now)) {
      suspects.set(callId, { callId, keyId, organisationId });
    }
  }
  if (organisationItem !== undefined) {
    for (const { callId, other } of expiredHolds(organisationItem, request.now)) {
      suspects.set(callId, { callId, keyId: other, organisationId });
    }
  }
  suspects.delete(request.callId);
  return [...suspects.values()];
}

/** What the call is charged, and a record that says so. */
function charged(request: SettleRequest): { record: SettleRequest['record']; outcome: Outcome } {
  const { record, hold, tokens } = request;
  if (record.status === 'unpriced') return { record, outcome: { costUsd: undefined, tokens } };
  const { charged: costUsd, loss } = chargeWithin(hold.usd, request.costUsd);
  if (loss.isZero()) return { record, outcome: { costUsd, tokens } };
  const receipt = { ...record.receipt, lossUsd: usdText(loss) };
  return { record: { ...record, receipt }, outcome: { costUsd, tokens } };
}

/** Says, for each account, whether the whole of it is due to be looked at again. */
function createLookout(): (accountId: string, now: number) => boolean {
  const lookedAt = new Map<string, number>();
  return (accountId, now) => {
    const last = lookedAt.get(accountId);
    if (last !== undefined && now - last < lookEveryMs) return false;
    if (lookedAt.size >= rememberedMax) lookedAt.clear();
    lookedAt.set(accountId, now);
    return true;
  };
}
const rememberedMax = 10_000;
