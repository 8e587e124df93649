/** Settling: the record first, then both accounts; every write safe to repeat. */
import type { Hold } from '../../core/hold.ts';
import type { Clock } from '../../core/ports.ts';
import type { TableNames } from '../../core/settings.ts';
import type { UsageRecord } from '../../core/usage-record.ts';
import { ConditionFailed, type DynamoClient, type UpdateInput } from './client.ts';
import {
  markUnpriced,
  postToKey,
  postToOrganisation,
  releaseKey,
  releaseOrganisation,
} from './postings.ts';
import { postWithDebt } from './token-debt.ts';
import { type Outcome, readOutcome, usageItem } from './usage-items.ts';

/** Windows long over that admission saw on the accounts. */
export type Stale = { key: string[]; organisation: string[] };
export const nothingStale: Stale = { key: [], organisation: [] };

export type Settlement = {
  /** Writes the record unless there is one; the outcome is that of the record that stands. */
  commit(record: UsageRecord, outcome: Outcome): Promise<{ first: boolean; outcome: Outcome }>;
  /** Brings both accounts to the outcome; an account that already is there stays as it is. */
  post(hold: Hold, outcome: Outcome, stale?: Stale): Promise<void>;
  /** Takes the hold back in full from the accounts named. */
  release(hold: Hold, from: { key: boolean; organisation: boolean }): Promise<void>;
};

export function createSettlement(
  client: DynamoClient,
  tables: TableNames,
  clock: Pick<Clock, 'now'>,
): Settlement {
  const once = async (input: UpdateInput): Promise<void> => {
    try {
      await client.updateItem(input);
    } catch (error) {
      if (!(error instanceof ConditionFailed)) throw error;
    }
  };
  return {
    async commit(record, outcome) {
      try {
        await client.putItem({
          TableName: tables.usage,
          Item: usageItem(record, outcome),
          ConditionExpression: 'attribute_not_exists(pk)',
          ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
        });
        return { first: true, outcome };
      } catch (error) {
        if (!(error instanceof ConditionFailed) || error.item === undefined) throw error;
        return { first: false, outcome: readOutcome(error.item) };
      }
    },
    async post(hold, outcome, stale = nothingStale) {
      const { costUsd, tokens } = outcome;
      const now = clock.now();
      const posting = { hold, costUsd, tokens, now, stale: stale.key };
      const onKey =
        tokens > hold.tokens
          ? postWithDebt(client, tables.counters, posting)
          : once(postToKey(tables.counters, posting));
      const onOrganisation = once(
        costUsd === undefined
          ? markUnpriced(tables.counters, hold)
          : postToOrganisation(tables.counters, { hold, costUsd, now, stale: stale.organisation }),
      );
      await bothDone(onKey, onOrganisation);
    },
    async release(hold, from) {
      const now = clock.now();
      const nothing = Promise.resolve();
      await bothDone(
        from.key ? once(releaseKey(tables.counters, hold, now)) : nothing,
        from.organisation ? once(releaseOrganisation(tables.counters, hold, now)) : nothing,
      );
    },
  };
}

/** Waits for both even when one fails: a write under way must not outlive the call. */
async function bothDone(first: Promise<void>, second: Promise<void>): Promise<void> {
  for (const result of await Promise.allSettled([first, second])) {
    if (result.status === 'rejected') throw result.reason;
  }
}
