/** What a call to the store costs this process in CPU, by client; the store is another process. */
import {
  DynamoDBClient,
  UpdateItemCommand,
  type UpdateItemCommandInput,
} from '@aws-sdk/client-dynamodb';
import { type Dispatcher, Pool } from 'undici';
import { createDynamoClient, type UpdateInput } from '../lambdas/edges/dynamo/client.ts';
import { localCredentials } from '../lambdas/edges/dynamo/credentials.ts';
import { createNodeTransport } from '../lambdas/edges/dynamo/node-transport.ts';
import { createSigner } from '../lambdas/edges/dynamo/signing.ts';
import { createSocketTransport } from '../lambdas/edges/dynamo/socket-transport.ts';
import { startEmbeddedDynamo } from '../lambdas/edges/embedded-dynamodb.ts';

const region = 'us-east-1';
const credentials = { accessKeyId: 'local', secretAccessKey: 'local' };
const callsPerRound = 1_000;
const callsAtOnce = 16;
const roundsMax = 9;
const tableName = 'bench';

type Subject = { name: string; update(): Promise<unknown>; close(): Promise<void> | void };

function updateInput(): UpdateInput & UpdateItemCommandInput {
  return {
    TableName: tableName,
    Key: { pk: { S: 'account' } },
    UpdateExpression: 'SET #r = if_not_exists(#r, rpm) - :one, balance = balance - :usd',
    ConditionExpression:
      '#status = :active AND ((attribute_not_exists(#r) AND rpm >= :one) OR #r >= :one) ' +
      'AND balance >= :usd AND size(holds) < concurrency AND attribute_not_exists(holds.#id)',
    ExpressionAttributeNames: { '#r': 'r29872345', '#id': 'call_01jd8x', '#status': 'status' },
    ExpressionAttributeValues: {
      ':one': { N: '1' },
      ':usd': { N: '0.00000015' },
      ':active': { S: 'active' },
    },
    ReturnValues: 'ALL_NEW',
    ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
  };
}

function sdkDefault(endpoint: string): Subject {
  const client = new DynamoDBClient({ endpoint, region, credentials });
  return {
    name: 'SDK, as it comes',
    update: () => client.send(new UpdateItemCommand(updateInput())),
    close: () => client.destroy(),
  };
}

/** The SDK with everything taken away that its options let us take away. */
function sdkSlim(endpoint: string): Subject {
  const pool = new Pool(endpoint, { connections: 64, allowH2: false });
  const client = new DynamoDBClient({
    endpoint,
    region,
    credentials,
    maxAttempts: 1,
    requestHandler: {
      metadata: { handlerProtocol: 'http/1.1' },
      handle: (request: SlimRequest) => dispatch(pool, request),
      destroy: () => {},
    },
  });
  const spare = /logger|recursion|userAgent|hostHeader|endpointDiscovery|accountId/i;
  client.middlewareStack.removeByTag('LOGGER');
  client.middlewareStack.removeByTag('RECURSION_DETECTION');
  client.middlewareStack.removeByTag('USER_AGENT');
  for (const entry of client.middlewareStack.identify()) {
    const name = entry.split(' ')[0] ?? '';
    if (spare.test(name)) client.middlewareStack.remove(name);
  }
  return {
    name: 'SDK, slimmed, over undici dispatch',
    update: () => client.send(new UpdateItemCommand(updateInput())),
    close: () => pool.close(),
  };
}

type SlimResponse = { statusCode: number; headers: Record<string, string>; body: Uint8Array };
type SlimRequest = { path: string; method: string; headers: Record<string, string>; body: string };

function dispatch(pool: Pool, request: SlimRequest): Promise<{ response: SlimResponse }> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let statusCode = 0;
    const handler: Dispatcher.DispatchHandler = {
      onRequestStart() {},
      onResponseStart(_controller, status) {
        statusCode = status;
      },
      onResponseData(_controller, chunk) {
        chunks.push(chunk);
      },
      onResponseEnd() {
        const body = new Uint8Array(Buffer.concat(chunks));
        resolve({ response: { statusCode, headers: {}, body } });
      },
      onResponseError(_controller, error) {
        reject(error);
      },
    };
    const { path, headers, body } = request;
    pool.dispatch({ path, method: 'POST', headers, body }, handler);
  });
}

function own(endpoint: string, over: 'sockets' | 'node:http'): Subject {
  const transport =
    over === 'node:http' ? createNodeTransport(endpoint) : createSocketTransport(endpoint);
  const client = createDynamoClient({
    transport,
    endpoint,
    region,
    credentials: localCredentials(),
  });
  return {
    name: `own client over ${over}`,
    update: () => client.updateItem(updateInput()),
    close: () => client.close(),
  };
}

/** The floor: the same bytes there and back over sockets, signed once and never read. */
function floor(endpoint: string): Subject {
  const transport = createSocketTransport(endpoint);
  const body = JSON.stringify(updateInput());
  const signer = createSigner(new URL(endpoint).host, region);
  const headers = signer.headers('UpdateItem', body, credentials, Date.now());
  return {
    name: 'the same bytes, neither signed nor read',
    update: () => transport.post(headers, body),
    close: () => transport.close(),
  };
}

async function round(subject: Subject): Promise<number> {
  const before = process.cpuUsage();
  let left = callsPerRound;
  const work = async (): Promise<void> => {
    while (left-- > 0) await subject.update();
  };
  await Promise.all(Array.from({ length: callsAtOnce }, work));
  const used = process.cpuUsage(before);
  return (used.user + used.system) / callsPerRound;
}

async function main(): Promise<void> {
  const server = await startEmbeddedDynamo();
  const { endpoint } = server;
  const setUp = own(endpoint, 'node:http');
  const client = createDynamoClient({
    transport: createNodeTransport(endpoint),
    endpoint,
    region,
    credentials: localCredentials(),
  });
  await client.createTable({
    TableName: tableName,
    AttributeDefinitions: [{ AttributeName: 'pk', AttributeType: 'S' }],
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    BillingMode: 'PAY_PER_REQUEST',
  });
  await client.putItem({
    TableName: tableName,
    Item: {
      pk: { S: 'account' },
      status: { S: 'active' },
      rpm: { N: '100000000' },
      concurrency: { N: '100' },
      balance: { N: '1000000.123456789' },
      holds: { M: Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`call_${n}`, hold])) },
    },
  });
  const subjects = [
    sdkDefault(endpoint),
    sdkSlim(endpoint),
    own(endpoint, 'sockets'),
    setUp,
    floor(endpoint),
  ];
  const figures = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  for (let rounds = 0; rounds < roundsMax + 2; rounds++) {
    for (const subject of subjects) {
      const micros = await round(subject);
      if (rounds >= 2) figures.get(subject.name)?.push(micros);
    }
  }
  for (const [name, all] of figures) {
    const sorted = all.toSorted((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
    const spread = `${sorted[0]?.toFixed(0)}–${sorted.at(-1)?.toFixed(0)}`;
    console.log(`${name.padEnd(40)} ${median.toFixed(0).padStart(5)} µs CPU a call (${spread})`);
  }
  for (const subject of subjects) await subject.close();
  await client.close();
  await server.stop();
}

const hold = { S: '1|1790000960000|29833333|0.01234|4321|key_0123456789abcdef' };

await main();
