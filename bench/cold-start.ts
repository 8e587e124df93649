/**
 * A cold start: the bundle that is deployed, in a fresh process, from its first line of code to the
 * first byte for a caller, with store, secrets and provider on loopback.
 */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { usd } from '../lambdas/core/money.ts';
import { type TableName, tables, variables } from '../lambdas/core/settings.ts';
import { openAccounts } from '../lambdas/doors/local-accounts.ts';
import { systemClock } from '../lambdas/edges/clock.ts';
import { createDynamoClient } from '../lambdas/edges/dynamo/client.ts';
import { localCredentials } from '../lambdas/edges/dynamo/credentials.ts';
import { createKeys } from '../lambdas/edges/dynamo/keys.ts';
import { createLedger } from '../lambdas/edges/dynamo/ledger.ts';
import { createNodeTransport } from '../lambdas/edges/dynamo/node-transport.ts';
import { createOrganisations } from '../lambdas/edges/dynamo/organisations.ts';
import { createPolicyStore } from '../lambdas/edges/dynamo/policy-store.ts';
import { createTables } from '../lambdas/edges/embedded-dynamodb.ts';
import { bundleLambda } from '../lib/bundle.ts';
import { requestBody } from './scenarios.ts';

export type ColdStart = {
  bundleBytes: number;
  /** Medians, in milliseconds of CPU. */
  emptyProcessMs: number;
  loadedMs: number;
  firstByteMs: number;
};

const startsPerFigure = 7;
const secret = randomBytes(32).toString('base64url');
const names: Record<TableName, string> = {
  ...{ keys: 'cold-keys', counters: 'cold-counters' },
  ...{ cache: 'cold-cache', usage: 'cold-usage' },
};

/** Plain JavaScript, so that stripping types is no part of what is measured. */
const driver = `
  const used = () => { const { user, system } = process.cpuUsage(); return (user + system) / 1000; };
  const { Writable } = await import('node:stream');
  const emptyProcessMs = used();
  globalThis.awslambda = {
    streamifyResponse: (handler) => handler,
    HttpResponseStream: { from: (sink, head) => { sink.status = head.statusCode; return sink; } },
  };
  const { handler } = await import(process.env.BENCH_BUNDLE);
  const loadedMs = used();
  let firstByteMs;
  const sink = new Writable({
    write(chunk, _, done) { if (chunk.length > 0) firstByteMs ??= used(); done(); },
  });
  const event = JSON.parse(process.env.BENCH_EVENT);
  await handler(event, sink, { getRemainingTimeInMillis: () => 60_000 });
  process.send({ status: sink.status, emptyProcessMs, loadedMs, firstByteMs }, () => process.exit());
`;

type Started = { status: number; emptyProcessMs: number; loadedMs: number; firstByteMs: number };

export async function measureColdStart(
  store: string,
  policy: object,
  folder: string,
): Promise<ColdStart> {
  const entry = join(import.meta.dirname, '..', 'lambdas', 'doors', 'gateway.lambda.ts');
  const bundle = bundleLambda(entry, join(folder, 'bundle'));
  const key = await seed(store, policy);
  const secrets = createServer((request, response) => {
    request.resume();
    request.on('end', () => response.end(JSON.stringify({ SecretString: secret })));
  });
  await new Promise<void>((resolve) => secrets.listen(0, '127.0.0.1', resolve));
  const environment = {
    PATH: process.env.PATH ?? '',
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'local',
    AWS_SECRET_ACCESS_KEY: 'local',
    AWS_ENDPOINT_URL_SECRETS_MANAGER: `http://127.0.0.1:${(secrets.address() as AddressInfo).port}`,
    [variables.dynamodbEndpoint]: store,
    [variables.keySigningSecret]: 'signing',
    [variables.credentialPrefix]: 'bench/',
    [variables.allowPrivateUpstreams]: 'true',
    ...Object.fromEntries(
      Object.entries(names).map(([name, table]) => [tables[name as TableName].variable, table]),
    ),
    BENCH_BUNDLE: bundle.file,
    BENCH_EVENT: JSON.stringify(eventOf(key)),
  };
  const starts: Started[] = [];
  for (let start = 0; start < startsPerFigure; start += 1)
    starts.push(await startOnce(environment));
  secrets.close();
  secrets.closeAllConnections();
  const middle = (pick: (start: Started) => number): number =>
    starts.map(pick).toSorted((a, b) => a - b)[Math.floor(startsPerFigure / 2)] ?? Number.NaN;
  return {
    bundleBytes: bundle.bytes,
    emptyProcessMs: middle((start) => start.emptyProcessMs),
    loadedMs: middle((start) => start.loadedMs),
    firstByteMs: middle((start) => start.firstByteMs),
  };
}

async function startOnce(environment: Record<string, string>): Promise<Started> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', driver], {
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const [started] = (await once(child, 'message')) as [Started];
  await once(child, 'exit');
  if (started.status !== 200) throw new Error(`a cold start answered ${started.status}`);
  return started;
}

/** Tables, an organisation, a key and the policy, as a deployment would have them. */
async function seed(endpoint: string, policy: object): Promise<string> {
  const client = createDynamoClient({
    transport: createNodeTransport(endpoint),
    endpoint,
    region: 'us-east-1',
    credentials: localCredentials(),
  });
  await createTables(client, names);
  const options = { client, tables: names, clock: systemClock };
  const stores = {
    organisations: createOrganisations(options),
    keys: createKeys(options),
    ledger: createLedger(options),
  };
  const [key] = await openAccounts(stores, Buffer.from(secret), [
    {
      ...{ name: 'bench', billing: 'prepaid' as const, balance: usd('100') },
      keys: [{ name: 'bench', limits: {}, settings: {} }],
    },
  ]);
  await createPolicyStore(options).write({ version: 'bench', text: JSON.stringify(policy) });
  await client.close();
  return key?.text ?? '';
}

function eventOf(key: string): object {
  const path = '/v1/chat/completions';
  return {
    version: '2.0',
    rawPath: path,
    rawQueryString: '',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    requestContext: { http: { method: 'POST', path } },
    body: requestBody('whole', 2_000, false),
    isBase64Encoded: false,
  };
}
