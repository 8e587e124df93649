/** Usage records for those who ask later, and the pricing of what could not be priced in time. */
import type { Hold } from '../../core/hold.ts';
import type { Usd } from '../../core/money.ts';
import type { Clock } from '../../core/ports.ts';
import type { TableNames } from '../../core/settings.ts';
import { holdOf, keyAccountKey, organisationAccountKey, readHold } from './account-items.ts';
import { type Item, readMap, textValue, usdValue } from './attributes.ts';
import { type DynamoClient, TransactionFailed } from './client.ts';
import { postToOrganisation } from './postings.ts';
import { createSettlement } from './settlement.ts';
import {
  chargeWithin,
  readUsage,
  type StoredUsage,
  usageKey,
  usagePartition,
} from './usage-items.ts';
import { takesRefunds, windowAttribute } from './windows.ts';

export type UsagePage = { records: StoredUsage[]; next?: string };

export type UsageStore = {
  get(organisationId: string, callId: string): Promise<StoredUsage | undefined>;
  /** A UTC day (`yyyymmdd`) of an organisation, newest first; `after` is a page's `next`. */
  list(query: UsageQuery): Promise<UsagePage>;
  /** Settles an `unpriced` call; the whole of it at once, or nothing. */
  price(call: { organisationId: string; callId: string; costUsd: Usd }): Promise<PricingOutcome>;
};
export type UsageQuery = { organisationId: string; day: string; limit?: number; after?: string };
export type PricingOutcome = 'priced' | 'already-priced' | 'no-such-call';

const listMax = 100;

type Options = { client: DynamoClient; tables: TableNames; clock: Pick<Clock, 'now'> };

export function createUsageStore({ client, tables, clock }: Options): UsageStore {
  const get = async (organisationId: string, callId: string): Promise<StoredUsage | undefined> => {
    const Key = usageKey(organisationId, callId);
    const item = await client.getItem({ TableName: tables.usage, Key, ConsistentRead: true });
    return item === undefined ? undefined : readUsage(item);
  };
  return {
    get,
    async list({ organisationId, day, limit = listMax, after }) {
      const pk = textValue(usagePartition(organisationId, day));
      const page = await client.query({
        TableName: tables.usage,
        KeyConditionExpression: 'pk = :pk AND begins_with(sk, :call)',
        ExpressionAttributeValues: { ':pk': pk, ':call': textValue('call#') },
        ScanIndexForward: false,
        Limit: Math.min(limit, listMax),
        ...(after === undefined
          ? {}
          : { ExclusiveStartKey: { pk, sk: textValue(`call#${after}`) } }),
      });
      const records = page.items.map(readUsage);
      const last = records.at(-1);
      if (page.next === undefined || last === undefined) return { records };
      return { records, next: last.record.callId };
    },
    async price({ organisationId, callId, costUsd }) {
      const stored = await get(organisationId, callId);
      if (stored === undefined) return 'no-such-call';
      if (stored.costUsd !== undefined) return 'already-priced';
      return await priceUnpriced(client, tables, clock, { stored, costUsd });
    },
  };
}

async function priceUnpriced(
  client: DynamoClient,
  tables: TableNames,
  clock: Pick<Clock, 'now'>,
  call: { stored: StoredUsage; costUsd: Usd },
): Promise<PricingOutcome> {
  const { organisationId, callId, keyId } = call.stored.record;
  const account = organisationAccountKey(organisationId);
  const item = await client.getItem({
    TableName: tables.counters,
    Key: account,
    ConsistentRead: true,
  });
  const hold = readHold(callId, readMap(item?.holds)[callId]);
  if (hold === undefined) return 'already-priced';
  const waiting = holdOf(hold, { callId, keyId, organisationId });
  await createSettlement(client, tables, clock).post(waiting, call.stored);
  const { charged, loss } = chargeWithin(hold.usd, call.costUsd);
  const now = clock.now();
  const onOrganisation = postToOrganisation(tables.counters, {
    hold: waiting,
    costUsd: charged,
    now,
    stale: [],
  });
  const onKey = chargeReleasedKey(tables.counters, waiting, charged, now);
  const onRecord = {
    TableName: tables.usage,
    Key: usageKey(organisationId, callId),
    UpdateExpression: 'SET costUsd = :cost, lossUsd = :loss',
    ConditionExpression: 'attribute_exists(pk) AND attribute_not_exists(costUsd)',
    ExpressionAttributeValues: { ':cost': usdValue(charged), ':loss': usdValue(loss) },
  };
  try {
    await client.transactWrite({
      TransactItems: [{ Update: onRecord }, { Update: onOrganisation }, { Update: onKey }],
    });
    return 'priced';
  } catch (error) {
    if (error instanceof TransactionFailed) return 'already-priced';
    throw error;
  }
}

/** The key's hold has gone already; its day still stands at what was held. */
function chargeReleasedKey(tableName: string, hold: Hold, costUsd: Usd, now: number) {
  const names: Record<string, string> = { '#id': hold.callId };
  const values: Item = { ':cost': usdValue(costUsd) };
  let update = 'SET spent = spent + :cost';
  if (dayTakesRefunds(hold, now)) {
    names['#d'] = windowAttribute.daily(hold.dayWindow);
    values[':refund'] = usdValue(hold.usd.minus(costUsd));
    update += ', #d = #d + :refund';
  }
  return {
    TableName: tableName,
    Key: keyAccountKey(hold.keyId),
    UpdateExpression: update,
    ConditionExpression: 'attribute_not_exists(holds.#id)',
    ExpressionAttributeNames: names,
    ExpressionAttributeValues: values,
  };
}

function dayTakesRefunds(hold: Hold, now: number): boolean {
  const { minuteWindow: minute, dayWindow: day, budgetWindow: month } = hold;
  return takesRefunds({ minute, day, month }, now).day;
}
