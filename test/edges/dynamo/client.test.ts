/** Contract: our client says to the store what the SDK says, and hears what the SDK hears. */
import {
  ConditionalCheckFailedException,
  CreateTableCommand,
  DeleteItemCommand,
  DynamoDBClient,
  GetItemCommand,
  PutItemCommand,
  QueryCommand,
  ResourceInUseException,
  ScanCommand,
  TransactionCanceledException,
  TransactWriteItemsCommand,
  UpdateItemCommand,
  UpdateTimeToLiveCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { StoreError } from '../../../lambdas/core/accounts.ts';
import type { Item } from '../../../lambdas/edges/dynamo/attributes.ts';
import {
  ConditionFailed,
  createDynamoClient,
  type DynamoClient,
  TransactionFailed,
} from '../../../lambdas/edges/dynamo/client.ts';
import { localCredentials } from '../../../lambdas/edges/dynamo/credentials.ts';
import { createNodeTransport } from '../../../lambdas/edges/dynamo/node-transport.ts';
import { createSocketTransport } from '../../../lambdas/edges/dynamo/socket-transport.ts';
import type { Transport } from '../../../lambdas/edges/dynamo/transport.ts';
import {
  type EmbeddedDynamo,
  startEmbeddedDynamo,
} from '../../../lambdas/edges/embedded-dynamodb.ts';

const region = 'us-east-1';
const kinds = ['own client over sockets', 'own client over node:http', 'AWS SDK'] as const;

let server: EmbeddedDynamo;
const clients = new Map<string, DynamoClient>();
beforeAll(async () => {
  server = await startEmbeddedDynamo();
  const { endpoint } = server;
  clients.set(kinds[0], ours(createSocketTransport(endpoint), endpoint));
  clients.set(kinds[1], ours(createNodeTransport(endpoint), endpoint));
  clients.set(kinds[2], sdkAsClient(endpoint));
});
afterAll(async () => {
  for (const client of clients.values()) await client.close();
  await server.stop();
});

function ours(transport: Transport, endpoint: string): DynamoClient {
  return createDynamoClient({ transport, endpoint, region, credentials: localCredentials() });
}

describe.each(kinds)('%s', (kind) => {
  const table = `table-${kinds.indexOf(kind)}`;
  const longest = '1234567890123456789012345678.9012345678';
  const account = { pk: { S: 'account' }, sk: { S: '1' } };
  const dynamo = (): DynamoClient => {
    const client = clients.get(kind);
    if (client === undefined) throw new Error('not started');
    return client;
  };

  it('creates a table once, and lets its items expire', async () => {
    const input = {
      TableName: table,
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' as const },
        { AttributeName: 'sk', AttributeType: 'S' as const },
      ],
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' as const },
        { AttributeName: 'sk', KeyType: 'RANGE' as const },
      ],
      BillingMode: 'PAY_PER_REQUEST' as const,
    };
    expect(await dynamo().createTable(input)).toBe(true);
    expect(await dynamo().createTable(input)).toBe(false);
    await dynamo().updateTimeToLive({
      TableName: table,
      TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
    });
  });

  it('keeps numbers of 38 digits and text of every script', async () => {
    const item: Item = {
      ...account,
      amount: { N: longest },
      text: { S: 'déjà vu — 既視感 🙂 "quoted" \u2028' },
      nested: {
        M: { list: { L: [{ BOOL: true }, { NULL: true }, { N: '-0.000000000000000001' }] } },
      },
      holds: { M: {} },
    };
    await dynamo().putItem({ TableName: table, Item: item });
    const found = await dynamo().getItem({ TableName: table, Key: account, ConsistentRead: true });
    expect(found).toEqual(item);
    const Key = { pk: { S: 'nobody' }, sk: { S: '1' } };
    expect(await dynamo().getItem({ TableName: table, Key })).toBeUndefined();
  });

  it('adds exactly, draws windows from their limit, and answers with the new item', async () => {
    const fresh = await dynamo().updateItem({
      TableName: table,
      Key: account,
      UpdateExpression:
        'SET amount = amount - :tiny, #w = if_not_exists(#w, amount) - :tiny, holds.#id = :hold',
      ConditionExpression:
        '((attribute_not_exists(#w) AND amount >= :tiny) OR #w >= :tiny) AND size(holds) < :most',
      ExpressionAttributeNames: { '#w': 'w1', '#id': 'call_1' },
      ExpressionAttributeValues: {
        ':tiny': { N: '0.0000000001' },
        ':most': { N: '1' },
        ':hold': { M: { usd: { N: '1' } } },
      },
      ReturnValues: 'ALL_NEW',
    });
    expect(fresh.amount).toEqual({ N: '1234567890123456789012345678.9012345677' });
    expect(fresh.w1).toEqual({ N: '1234567890123456789012345678.9012345677' });
    expect(fresh.holds).toEqual({ M: { call_1: { M: { usd: { N: '1' } } } } });
  });

  it('tells what the item was when a condition fails', async () => {
    const update = dynamo().updateItem({
      TableName: table,
      Key: account,
      UpdateExpression: 'REMOVE holds.#id',
      ConditionExpression: 'attribute_exists(holds.#id)',
      ExpressionAttributeNames: { '#id': 'call_2' },
      ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
    });
    const failed = await update.catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ConditionFailed);
    expect(failed instanceof ConditionFailed && failed.item?.text).toEqual({
      S: 'déjà vu — 既視感 🙂 "quoted" \u2028',
    });
    const put = dynamo().putItem({
      TableName: table,
      Item: account,
      ConditionExpression: 'attribute_not_exists(pk)',
    });
    const silent = await put.catch((error: unknown) => error);
    expect(silent).toBeInstanceOf(ConditionFailed);
    expect(silent instanceof ConditionFailed && silent.item).toBeUndefined();
  });

  it('writes a transaction whole or not at all, and says which condition failed', async () => {
    const put = (sk: string) => ({
      Put: {
        TableName: table,
        Item: { pk: { S: 'ledger' }, sk: { S: sk }, amount: { N: '1' } },
        ConditionExpression: 'attribute_not_exists(pk)',
        ReturnValuesOnConditionCheckFailure: 'ALL_OLD' as const,
      },
    });
    await dynamo().transactWrite({ TransactItems: [put('1'), put('2')] });
    const again = dynamo().transactWrite({ TransactItems: [put('3'), put('2')] });
    const failed = await again.catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(TransactionFailed);
    if (!(failed instanceof TransactionFailed)) return;
    expect(failed.reasons.map((reason) => reason.code)).toEqual(['None', 'ConditionalCheckFailed']);
    expect(failed.reasons[1]?.item?.amount).toEqual({ N: '1' });
  });

  it('pages through a query and a scan', async () => {
    const query = {
      TableName: table,
      KeyConditionExpression: 'pk = :pk',
      ExpressionAttributeValues: { ':pk': { S: 'ledger' } },
      ScanIndexForward: false,
      Limit: 1,
    };
    const first = await dynamo().query(query);
    expect(first.items.map((item) => item.sk)).toEqual([{ S: '2' }]);
    if (first.next === undefined) throw new Error('there must be another page');
    const second = await dynamo().query({ ...query, ExclusiveStartKey: first.next });
    expect(second.items.map((item) => item.sk)).toEqual([{ S: '1' }]);
    expect((await dynamo().scan({ TableName: table })).items).toHaveLength(3);
  });

  it('deletes, and answers with what was there', async () => {
    const Key = { pk: { S: 'ledger' }, sk: { S: '1' } };
    const deletion = { TableName: table, Key, ReturnValues: 'ALL_OLD' as const };
    expect(await dynamo().deleteItem(deletion)).toMatchObject({ amount: { N: '1' } });
    expect(await dynamo().deleteItem(deletion)).toBeUndefined();
  });

  it('rejects with a StoreError on what is the program’s own mistake', async () => {
    const nowhere = dynamo().getItem({ TableName: 'no-such-table', Key: account });
    await expect(nowhere).rejects.toBeInstanceOf(StoreError);
    const reserved = dynamo().updateItem({
      TableName: table,
      Key: account,
      UpdateExpression: 'SET status = :s',
      ExpressionAttributeValues: { ':s': { S: '1' } },
    });
    await expect(reserved).rejects.toBeInstanceOf(StoreError);
  });
});

/** The SDK behind our interface. Inputs go in as they are: the compiler sees they are its own. */
function sdkAsClient(endpoint: string): DynamoClient {
  const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
  const sdk = new DynamoDBClient({ endpoint, region, credentials });
  const judged = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) {
        throw new ConditionFailed(error.Item as Item | undefined);
      }
      if (error instanceof TransactionCanceledException) {
        const reasons = error.CancellationReasons ?? [];
        throw new TransactionFailed(
          reasons.map(({ Code, Item }) => ({ code: Code ?? '', item: Item as Item | undefined })),
        );
      }
      throw new StoreError('the SDK failed', { cause: error });
    }
  };
  const page = (answer: { Items?: unknown; LastEvaluatedKey?: unknown }) => {
    const items = (answer.Items ?? []) as Item[];
    const next = answer.LastEvaluatedKey as Item | undefined;
    return next === undefined ? { items } : { items, next };
  };
  return {
    getItem: async (input) =>
      (await judged(sdk.send(new GetItemCommand(input)))).Item as Item | undefined,
    putItem: async (input) => void (await judged(sdk.send(new PutItemCommand(input)))),
    updateItem: async (input) =>
      ((await judged(sdk.send(new UpdateItemCommand(input)))).Attributes ?? {}) as Item,
    deleteItem: async (input) =>
      (await judged(sdk.send(new DeleteItemCommand(input)))).Attributes as Item | undefined,
    query: async (input) => page(await judged(sdk.send(new QueryCommand(input)))),
    scan: async (input) => page(await judged(sdk.send(new ScanCommand(input)))),
    transactWrite: async (input) =>
      void (await judged(sdk.send(new TransactWriteItemsCommand(input)))),
    async createTable(input) {
      const created = sdk.send(new CreateTableCommand(input));
      return await created.then(
        () => true,
        (error: unknown) => {
          if (error instanceof ResourceInUseException) return false;
          throw error;
        },
      );
    },
    updateTimeToLive: async (input) =>
      void (await judged(sdk.send(new UpdateTimeToLiveCommand(input)))),
    async close() {
      sdk.destroy();
    },
  };
}
