/** Holds that outlived their process: finds out what became of the call, and makes it so. */
import { zeroUsd } from '../../core/money.ts';
import type { TableNames } from '../../core/settings.ts';
import {
  holdOf,
  keyAccountKey,
  organisationAccountKey,
  readHold,
  type StoredHold,
} from './account-items.ts';
import { type Item, readMap } from './attributes.ts';
import type { DynamoClient } from './client.ts';
import type { Settlement } from './settlement.ts';
import { readOutcome, recoveredRecord, usageKey } from './usage-items.ts';

/** A hold to look into: which call, and the two accounts it may stand on. */
export type Suspect = { callId: string; keyId: string; organisationId: string };

export type Healed = 'gone' | 'alive' | 'settled' | 'recovered' | 'void';

/**
 *   record exists             settle with its cost
 *   both holds, no record     the process died on the way: `recovered`, the caller owes nothing
 *   one hold, no record       admission never finished: `void`, as if it had not been
 *
 * The accounts are read before the record: a hold that is gone because it was settled left its
 * record first. A record written meanwhile wins over ours, as everywhere.
 */
export async function heal(
  client: DynamoClient,
  tables: TableNames,
  settlement: Settlement,
  suspect: Suspect,
  now: number,
): Promise<Healed> {
  const read = (Key: Item): Promise<Item | undefined> =>
    client.getItem({ TableName: tables.counters, Key, ConsistentRead: true });
  const [keyItem, organisationItem] = await Promise.all([
    read(keyAccountKey(suspect.keyId)),
    read(organisationAccountKey(suspect.organisationId)),
  ]);
  const onKey = holdOn(keyItem, suspect.callId);
  const onOrganisation = holdOn(organisationItem, suspect.callId);
  const stored = onOrganisation ?? onKey;
  if (stored === undefined) return 'gone';
  if (isAlive(onKey, now) || isAlive(onOrganisation, now)) return 'alive';

  const hold = holdOf(stored, suspect);
  const record = await client.getItem({
    TableName: tables.usage,
    Key: usageKey(suspect.organisationId, suspect.callId),
    ConsistentRead: true,
  });
  if (record !== undefined) {
    await settlement.post(hold, readOutcome(record));
    return 'settled';
  }
  if (onKey === undefined || onOrganisation === undefined) {
    await settlement.release(hold, { key: onKey !== undefined, organisation: onKey === undefined });
    return 'void';
  }
  const { callId, keyId, organisationId } = suspect;
  const ours = recoveredRecord(callId, keyId, organisationId);
  const { outcome } = await settlement.commit(ours, { costUsd: zeroUsd, tokens: 0 });
  await settlement.post(hold, outcome);
  return 'recovered';
}

function holdOn(item: Item | undefined, callId: string): StoredHold | undefined {
  return item === undefined ? undefined : readHold(callId, readMap(item.holds)[callId]);
}

/** A hold that waits for a price has no expiry, and is not what keeps the call alive. */
function isAlive(hold: StoredHold | undefined, now: number): boolean {
  return hold?.expiresAt !== undefined && hold.expiresAt > now;
}
