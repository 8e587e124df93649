/**
 * The store's client alone: what one conditional update costs the process that asks for it, so that
 * a call's cost can be told apart from its store calls'. Prints the store's address for others.
 */
import { createDynamoClient } from '../lambdas/edges/dynamo/client.ts';
import { localCredentials } from '../lambdas/edges/dynamo/credentials.ts';
import { createSocketTransport } from '../lambdas/edges/dynamo/socket-transport.ts';
import { startEmbeddedDynamo } from '../lambdas/edges/embedded-dynamodb.ts';

export type StoreJob = { updates: number; atOnce: number };
export type StoreOutcome = { cpuMs: number; tookMs: number };

const tableName = 'fairlead-bench';
const server = await startEmbeddedDynamo();
const { endpoint } = server;
const client = createDynamoClient({
  transport: createSocketTransport(endpoint),
  endpoint,
  region: 'us-east-1',
  credentials: localCredentials(),
});
await client.createTable({
  TableName: tableName,
  AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
  KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
  BillingMode: 'PAY_PER_REQUEST',
});
const item = { status: { S: 'active' }, balance: { N: '1000000' }, holds: { M: {} } };
await client.putItem({ TableName: tableName, Item: { pk: { S: 'account' }, ...item } });

function update(): Promise<unknown> {
  return client.updateItem({
    TableName: tableName,
    Key: { pk: { S: 'account' } },
    UpdateExpression: 'SET balance = balance - :usd, #w = if_not_exists(#w, :limit) - :one',
    ConditionExpression: '#s = :active AND balance >= :usd AND size(holds) < :many',
    ExpressionAttributeNames: { '#s': 'status', '#w': 'r29872345' },
    ExpressionAttributeValues: {
      ':usd': { N: '0.00000015' },
      ':one': { N: '1' },
      ':limit': { N: '100000000' },
      ':active': { S: 'active' },
      ':many': { N: '100' },
    },
    ReturnValues: 'ALL_NEW',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  });
}

async function run({ updates, atOnce }: StoreJob): Promise<StoreOutcome> {
  const began = performance.now();
  const before = process.cpuUsage();
  let left = updates;
  const work = async (): Promise<void> => {
    while (left-- > 0) await update();
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  const { user, system } = process.cpuUsage(before);
  return { cpuMs: (user + system) / 1_000 / updates, tookMs: performance.now() - began };
}

process.on('message', (message: StoreJob | 'usage') => {
  if (message === 'usage') return;
  run(message).then((answer) => process.send?.({ answer }));
});
process.on('SIGTERM', () => {
  server.stop().finally(() => process.exit());
});
process.channel?.ref();
console.log(endpoint);
