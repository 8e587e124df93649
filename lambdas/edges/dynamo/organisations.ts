/** Organisations: what people decided about them, and the account their calls are paid from. */
import { type Usd, zeroUsd } from '../../core/money.ts';
import type { Clock } from '../../core/ports.ts';
import type { TableNames } from '../../core/settings.ts';
import {
  budgetValue,
  organisationAccountKey,
  readHolds,
  type StoredHold,
  setUsd,
} from './account-items.ts';
import {
  countValue,
  type Item,
  readCount,
  readText,
  readUsd,
  textValue,
  usdValue,
} from './attributes.ts';
import { type DynamoClient, TransactionFailed } from './client.ts';
import { changeLimits, ifThere } from './limit-changes.ts';
import { windowAttribute, windowsOf } from './windows.ts';

export type Billing = 'prepaid' | 'postpaid';

export type NewOrganisation = {
  organisationId: string;
  name: string;
  billing: Billing;
  /** Dollars a calendar month, UTC; absent: no budget. */
  budgetUsd?: Usd;
};

export type Organisation = NewOrganisation & { createdAt: number };

export type OrganisationAccount = {
  organisationId: string;
  billing: Billing;
  status: 'active' | 'suspended';
  /** Of a prepaid organisation never negative; of a postpaid one, minus what it owes. */
  balanceUsd: Usd;
  spentUsd: Usd;
  /** Top-ups less refunds: balance + holds + spent, to the last digit. */
  toppedUpUsd: Usd;
  budgetUsd?: Usd;
  budgetRemainingUsd?: Usd;
  holds: StoredHold[];
};

export type Organisations = {
  create(organisation: NewOrganisation): Promise<'created' | 'exists'>;
  get(organisationId: string): Promise<Organisation | undefined>;
  list(): Promise<Organisation[]>;
  account(organisationId: string): Promise<OrganisationAccount | undefined>;
  setStatus(organisationId: string, status: 'active' | 'suspended'): Promise<boolean>;
  /** In force at once: what was spent this month counts against the new budget. */
  setBudget(organisationId: string, budgetUsd: Usd | undefined): Promise<boolean>;
};

type Options = { client: DynamoClient; tables: TableNames; clock: Pick<Clock, 'now'> };

const partition = 'organisations';

export function createOrganisations({ client, tables, clock }: Options): Organisations {
  const accountItem = (organisationId: string): Promise<Item | undefined> =>
    client.getItem({
      TableName: tables.counters,
      Key: organisationAccountKey(organisationId),
      ConsistentRead: true,
    });
  return {
    create: (organisation) => createOrganisation(client, tables, organisation, clock.now()),
    async get(organisationId) {
      const item = await client.getItem({
        TableName: tables.keys,
        Key: organisationKey(organisationId),
        ConsistentRead: true,
      });
      return item === undefined ? undefined : readOrganisation(item);
    },
    async list() {
      const found: Organisation[] = [];
      let next: Item | undefined;
      do {
        const page = await client.query({
          TableName: tables.keys,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': textValue(partition) },
          ...(next === undefined ? {} : { ExclusiveStartKey: next }),
        });
        found.push(...page.items.map(readOrganisation));
        next = page.next;
      } while (next !== undefined);
      return found;
    },
    async account(organisationId) {
      const item = await accountItem(organisationId);
      return item === undefined ? undefined : readAccount(organisationId, item, clock.now());
    },
    setStatus: (organisationId, status) =>
      ifThere(
        client.updateItem({
          TableName: tables.counters,
          Key: organisationAccountKey(organisationId),
          UpdateExpression: 'SET #status = :status',
          ConditionExpression: 'attribute_exists(pk)',
          ExpressionAttributeNames: { '#status': 'status' },
          ExpressionAttributeValues: { ':status': textValue(status) },
        }),
      ),
    setBudget: (organisationId, budgetUsd) =>
      setBudget(client, tables, { organisationId, budgetUsd, now: clock.now() }),
  };
}

function organisationKey(organisationId: string): Item {
  return { pk: textValue(partition), sk: textValue(organisationId) };
}

async function createOrganisation(
  client: DynamoClient,
  tables: TableNames,
  organisation: NewOrganisation,
  now: number,
): Promise<'created' | 'exists'> {
  const { organisationId, name, billing, budgetUsd } = organisation;
  const decided: Item = {
    ...organisationKey(organisationId),
    name: textValue(name),
    billing: textValue(billing),
    createdAt: countValue(now),
  };
  if (budgetUsd !== undefined) decided.budget = usdValue(budgetUsd);
  const account: Item = {
    ...organisationAccountKey(organisationId),
    status: textValue('active'),
    billing: textValue(billing),
    budget: budgetValue(budgetUsd),
    balance: usdValue(zeroUsd),
    spent: usdValue(zeroUsd),
    toppedUp: usdValue(zeroUsd),
    holds: { M: {} },
  };
  try {
    await client.transactWrite({
      TransactItems: [
        { Put: { TableName: tables.keys, Item: decided, ConditionExpression: isNew } },
        { Put: { TableName: tables.counters, Item: account, ConditionExpression: isNew } },
      ],
    });
    return 'created';
  } catch (error) {
    if (error instanceof TransactionFailed) return 'exists';
    throw error;
  }
}
const isNew = 'attribute_not_exists(pk)';

function readOrganisation(item: Item): Organisation {
  const organisation: Organisation = {
    organisationId: readText(item.sk) ?? '',
    name: readText(item.name) ?? '',
    billing: readText(item.billing) === 'postpaid' ? 'postpaid' : 'prepaid',
    createdAt: readCount(item.createdAt) ?? 0,
  };
  const budgetUsd = readUsd(item.budget);
  if (budgetUsd !== undefined) organisation.budgetUsd = budgetUsd;
  return organisation;
}

function readAccount(organisationId: string, item: Item, now: number): OrganisationAccount {
  const account: OrganisationAccount = {
    organisationId,
    billing: readText(item.billing) === 'postpaid' ? 'postpaid' : 'prepaid',
    status: readText(item.status) === 'active' ? 'active' : 'suspended',
    balanceUsd: readUsd(item.balance) ?? zeroUsd,
    spentUsd: readUsd(item.spent) ?? zeroUsd,
    toppedUpUsd: readUsd(item.toppedUp) ?? zeroUsd,
    holds: readHolds(item),
  };
  const budgetUsd = setUsd(item.budget);
  if (budgetUsd === undefined) return account;
  const window = item[windowAttribute.budget(windowsOf(now).month)];
  return { ...account, budgetUsd, budgetRemainingUsd: readUsd(window) ?? budgetUsd };
}

async function setBudget(
  client: DynamoClient,
  tables: TableNames,
  change: { organisationId: string; budgetUsd: Usd | undefined; now: number },
): Promise<boolean> {
  const key = organisationAccountKey(change.organisationId);
  const changed = await changeLimits(client, tables.counters, key, [
    {
      limit: 'budget',
      value: budgetValue(change.budgetUsd),
      window: windowAttribute.budget(windowsOf(change.now).month),
    },
  ]);
  if (!changed) return false;
  const names = { '#budget': 'budget' };
  const TableName = tables.keys;
  const Key = organisationKey(change.organisationId);
  const { budgetUsd } = change;
  return await ifThere(
    client.updateItem({
      TableName,
      Key,
      UpdateExpression: budgetUsd === undefined ? 'REMOVE #budget' : 'SET #budget = :budget',
      ConditionExpression: 'attribute_exists(pk)',
      ExpressionAttributeNames: names,
      ...(budgetUsd === undefined
        ? {}
        : { ExpressionAttributeValues: { ':budget': usdValue(budgetUsd) } }),
    }),
  );
}
