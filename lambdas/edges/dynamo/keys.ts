/** API keys: what people decided about them, and the account their calls are counted on. */
import type { KeyLimits, KeySettings } from '../../core/accounts.ts';
import { type Usd, usd, usdText, zeroUsd } from '../../core/money.ts';
import type { Clock } from '../../core/ports.ts';
import type { TableNames } from '../../core/settings.ts';
import {
  keyAccountKey,
  limitAttributes,
  readHolds,
  readLimits,
  readSettings,
  type StoredHold,
} from './account-items.ts';
import { countValue, type Item, readCount, readText, readUsd, textValue } from './attributes.ts';
import { type DynamoClient, TransactionFailed } from './client.ts';
import { changeLimits, ifThere } from './limit-changes.ts';
import { windowAttribute, windowsOf } from './windows.ts';

export type NewKey = {
  keyId: string;
  organisationId: string;
  /** Base64 of the SHA-256 of the secret part; the secret itself is never stored. */
  secretHash: string;
  limits?: KeyLimits;
  settings?: KeySettings;
  /** Epoch milliseconds. */
  expiresAt?: number;
};

/** A key as people decided it, without anything that opens it. */
export type Key = {
  keyId: string;
  organisationId: string;
  status: 'active' | 'revoked';
  limits: KeyLimits;
  settings: KeySettings;
  createdAt: number;
  expiresAt?: number;
};

export type KeyAccount = {
  keyId: string;
  organisationId: string;
  status: 'active' | 'revoked';
  limits: KeyLimits;
  settings: KeySettings;
  spentUsd: Usd;
  /** What remains of each limit that is set, in the windows under way. */
  remaining: { requests?: number; tokens?: number; dailyUsd?: Usd };
  holds: StoredHold[];
};

export type Keys = {
  create(key: NewKey): Promise<'created' | 'exists'>;
  get(organisationId: string, keyId: string): Promise<Key | undefined>;
  list(organisationId: string): Promise<Key[]>;
  account(keyId: string): Promise<KeyAccount | undefined>;
  /** In force at once; `limits` and `settings` are replaced whole. */
  change(key: KeyAddress, change: { limits: KeyLimits; settings: KeySettings }): Promise<boolean>;
  setStatus(key: KeyAddress, status: 'active' | 'revoked'): Promise<boolean>;
  /** A new secret; the one before still opens the key until `oldUntil`. */
  rotate(keyId: string, secretHash: string, oldUntil: number): Promise<boolean>;
};

export type KeyAddress = { organisationId: string; keyId: string };

type Options = { client: DynamoClient; tables: TableNames; clock: Pick<Clock, 'now'> };

export function createKeys({ client, tables, clock }: Options): Keys {
  return {
    create: (key) => createKey(client, tables, key, clock.now()),
    async get(organisationId, keyId) {
      const Key = decidedKey({ organisationId, keyId });
      const item = await client.getItem({ TableName: tables.keys, Key, ConsistentRead: true });
      return item === undefined ? undefined : readKey(item);
    },
    list: (organisationId) => listKeys(client, tables, organisationId),
    async account(keyId) {
      const item = await client.getItem({
        TableName: tables.counters,
        Key: keyAccountKey(keyId),
        ConsistentRead: true,
      });
      return item === undefined ? undefined : readAccount(keyId, item, clock.now());
    },
    change: (address, change) =>
      changeKey(client, tables, address, { ...change, now: clock.now() }),
    async setStatus(address, status) {
      const write = (TableName: string, Key: Item): Promise<boolean> =>
        ifThere(
          client.updateItem({
            TableName,
            Key,
            UpdateExpression: 'SET #status = :status',
            ConditionExpression: 'attribute_exists(pk)',
            ExpressionAttributeNames: { '#status': 'status' },
            ExpressionAttributeValues: { ':status': textValue(status) },
          }),
        );
      if (!(await write(tables.counters, keyAccountKey(address.keyId)))) return false;
      return await write(tables.keys, decidedKey(address));
    },
    rotate: (keyId, secretHash, oldUntil) =>
      ifThere(
        client.updateItem({
          TableName: tables.counters,
          Key: keyAccountKey(keyId),
          UpdateExpression:
            'SET secretHash2 = secretHash, secret2Until = :until, secretHash = :hash',
          ConditionExpression: 'attribute_exists(pk) AND secretHash <> :hash',
          ExpressionAttributeValues: {
            ':until': countValue(oldUntil),
            ':hash': textValue(secretHash),
          },
        }),
      ),
  };
}

function decidedKey({ organisationId, keyId }: KeyAddress): Item {
  return { pk: textValue(`org#${organisationId}`), sk: textValue(`key#${keyId}`) };
}

async function createKey(
  client: DynamoClient,
  tables: TableNames,
  key: NewKey,
  now: number,
): Promise<'created' | 'exists'> {
  const { keyId, organisationId, limits = {}, settings = {}, expiresAt } = key;
  const shared: Item = {
    organisationId: textValue(organisationId),
    status: textValue('active'),
    settings: textValue(JSON.stringify(settings)),
  };
  if (expiresAt !== undefined) shared.expiresAt = countValue(expiresAt);
  const decided: Item = {
    ...decidedKey(key),
    ...shared,
    keyId: textValue(keyId),
    limits: textValue(limitsText(limits)),
    createdAt: countValue(now),
  };
  const account: Item = {
    ...keyAccountKey(keyId),
    ...shared,
    ...limitAttributes(limits),
    secretHash: textValue(key.secretHash),
    spent: { N: '0' },
    holds: { M: {} },
  };
  const ConditionExpression = 'attribute_not_exists(pk)';
  try {
    await client.transactWrite({
      TransactItems: [
        { Put: { TableName: tables.keys, Item: decided, ConditionExpression } },
        { Put: { TableName: tables.counters, Item: account, ConditionExpression } },
      ],
    });
    return 'created';
  } catch (error) {
    if (error instanceof TransactionFailed) return 'exists';
    throw error;
  }
}

async function listKeys(
  client: DynamoClient,
  tables: TableNames,
  organisationId: string,
): Promise<Key[]> {
  const found: Key[] = [];
  let next: Item | undefined;
  do {
    const page = await client.query({
      TableName: tables.keys,
      KeyConditionExpression: 'pk = :pk AND begins_with(sk, :key)',
      ExpressionAttributeValues: {
        ':pk': textValue(`org#${organisationId}`),
        ':key': textValue('key#'),
      },
      ...(next === undefined ? {} : { ExclusiveStartKey: next }),
    });
    found.push(...page.items.map(readKey));
    next = page.next;
  } while (next !== undefined);
  return found;
}

/** The account first: it is what admission asks. */
async function changeKey(
  client: DynamoClient,
  tables: TableNames,
  address: KeyAddress,
  change: { limits: KeyLimits; settings: KeySettings; now: number },
): Promise<boolean> {
  const { limits, now } = change;
  const settings = textValue(JSON.stringify(change.settings));
  const windows = windowsOf(now);
  const windowOf: Record<string, string> = {
    rpm: windowAttribute.requests(windows.minute),
    tpm: windowAttribute.tokens(windows.minute),
    daily: windowAttribute.daily(windows.day),
  };
  const changes = Object.entries(limitAttributes(limits)).map(([limit, value]) => {
    const window = windowOf[limit];
    return window === undefined ? { limit, value } : { limit, value, window };
  });
  const account = keyAccountKey(address.keyId);
  if (!(await changeLimits(client, tables.counters, account, changes, { settings }))) return false;
  return await ifThere(
    client.updateItem({
      TableName: tables.keys,
      Key: decidedKey(address),
      UpdateExpression: 'SET #limits = :limits, #settings = :settings',
      ConditionExpression: 'attribute_exists(pk)',
      ExpressionAttributeNames: { '#limits': 'limits', '#settings': 'settings' },
      ExpressionAttributeValues: {
        ':limits': textValue(limitsText(limits)),
        ':settings': settings,
      },
    }),
  );
}

type LimitsText = Omit<KeyLimits, 'dailyUsd'> & { dailyUsd?: string };

function limitsText(limits: KeyLimits): string {
  const { dailyUsd, ...rest } = limits;
  const text: LimitsText = dailyUsd === undefined ? rest : { ...rest, dailyUsd: usdText(dailyUsd) };
  return JSON.stringify(text);
}

function readKey(item: Item): Key {
  const { dailyUsd, ...rest } = JSON.parse(readText(item.limits) ?? '{}') as LimitsText;
  const key: Key = {
    keyId: readText(item.keyId) ?? '',
    organisationId: readText(item.organisationId) ?? '',
    status: readStatus(item),
    limits: dailyUsd === undefined ? rest : { ...rest, dailyUsd: usd(dailyUsd) },
    settings: readSettings(item),
    createdAt: readCount(item.createdAt) ?? 0,
  };
  const expiresAt = readCount(item.expiresAt);
  if (expiresAt !== undefined) key.expiresAt = expiresAt;
  return key;
}

function readStatus(item: Item): 'active' | 'revoked' {
  return readText(item.status) === 'active' ? 'active' : 'revoked';
}

function readAccount(keyId: string, item: Item, now: number): KeyAccount {
  const limits = readLimits(item);
  const windows = windowsOf(now);
  const remaining: KeyAccount['remaining'] = {};
  if (limits.requestsPerMinute !== undefined) {
    const left = item[windowAttribute.requests(windows.minute)];
    remaining.requests = readCount(left) ?? limits.requestsPerMinute;
  }
  if (limits.tokensPerMinute !== undefined) {
    const left = item[windowAttribute.tokens(windows.minute)];
    remaining.tokens = readCount(left) ?? limits.tokensPerMinute;
  }
  if (limits.dailyUsd !== undefined) {
    const left = item[windowAttribute.daily(windows.day)];
    remaining.dailyUsd = readUsd(left) ?? limits.dailyUsd;
  }
  return {
    keyId,
    organisationId: readText(item.organisationId) ?? '',
    status: readStatus(item),
    limits,
    settings: readSettings(item),
    spentUsd: readUsd(item.spent) ?? zeroUsd,
    remaining,
    holds: readHolds(item),
  };
}
