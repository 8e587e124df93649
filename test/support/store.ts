/** A real store for tests: one embedded server a worker, fresh tables for whoever asks. */
import { randomBytes } from 'node:crypto';
import type { KeyClaim, KeyLimits, KeySettings } from '../../lambdas/core/accounts.ts';
import { callIdRandomBytes, makeCallId } from '../../lambdas/core/call-id.ts';
import type { Hold } from '../../lambdas/core/hold.ts';
import { usd } from '../../lambdas/core/money.ts';
import type { TableNames } from '../../lambdas/core/settings.ts';
import type { RecordStatus, UsageRecord } from '../../lambdas/core/usage-record.ts';
import { createDynamoAccounts, type DynamoAccounts } from '../../lambdas/edges/dynamo/accounts.ts';
import { createDynamoClient, type DynamoClient } from '../../lambdas/edges/dynamo/client.ts';
import { localCredentials } from '../../lambdas/edges/dynamo/credentials.ts';
import { createKeys, type Keys } from '../../lambdas/edges/dynamo/keys.ts';
import { createLedger, type Ledger } from '../../lambdas/edges/dynamo/ledger.ts';
import {
  type Billing,
  createOrganisations,
  type Organisations,
} from '../../lambdas/edges/dynamo/organisations.ts';
import { createSocketTransport } from '../../lambdas/edges/dynamo/socket-transport.ts';
import { createUsageStore, type UsageStore } from '../../lambdas/edges/dynamo/usage-store.ts';
import {
  createTables,
  type EmbeddedDynamo,
  startEmbeddedDynamo,
} from '../../lambdas/edges/embedded-dynamodb.ts';

export type TestClock = { now(): number; set(now: number): void };

export function createTestClock(start: number): TestClock {
  let at = start;
  return {
    now: () => at,
    set(now) {
      at = now;
    },
  };
}

export type TestStore = {
  endpoint: string;
  client: DynamoClient;
  tables: TableNames;
  clock: TestClock;
  accounts: DynamoAccounts;
  organisations: Organisations;
  keys: Keys;
  ledger: Ledger;
  usage: UsageStore;
};

let server: Promise<EmbeddedDynamo> | undefined;
let tableSets = 0;

/** The server ends with the worker; its tables are not shared with any other call of this. */
export async function openTestStore(start = Date.UTC(2026, 10, 24, 12, 0, 30)): Promise<TestStore> {
  server ??= startEmbeddedDynamo();
  const { endpoint } = await server;
  const client = createDynamoClient({
    transport: createSocketTransport(endpoint),
    endpoint,
    region: 'us-east-1',
    credentials: localCredentials(),
  });
  const set = `t${++tableSets}`;
  const tables: TableNames = {
    keys: `${set}-keys`,
    counters: `${set}-counters`,
    cache: `${set}-cache`,
    usage: `${set}-usage`,
  };
  await createTables(client, tables);
  const clock = createTestClock(start);
  const options = { client, tables, clock };
  return {
    endpoint,
    client,
    tables,
    clock,
    accounts: createDynamoAccounts(options),
    organisations: createOrganisations(options),
    keys: createKeys(options),
    ledger: createLedger(options),
    usage: createUsageStore(options),
  };
}

export const testSecretHash = 'c2VjcmV0LWhhc2gtb2YtYS10ZXN0LWtleS0wMDAwMDA=';

export type TestOrganisation = {
  organisationId?: string;
  billing?: Billing;
  balance?: string;
  budget?: string;
};

/** An organisation with money on it; prepaid with a hundred dollars unless told otherwise. */
export async function createOrganisation(
  store: TestStore,
  { organisationId = 'acme', billing = 'prepaid', balance = '100', budget }: TestOrganisation = {},
): Promise<string> {
  await store.organisations.create({
    organisationId,
    name: organisationId,
    billing,
    ...(budget === undefined ? {} : { budgetUsd: usd(budget) }),
  });
  if (balance !== '0') {
    const paymentId = `opening-${organisationId}`;
    await store.ledger.book({ organisationId, paymentId, amountUsd: usd(balance) });
  }
  return organisationId;
}

export type TestKey = {
  keyId?: string;
  organisationId?: string;
  limits?: KeyLimits;
  settings?: KeySettings;
  expiresAt?: number;
};

export async function createKey(store: TestStore, key: TestKey = {}): Promise<KeyClaim> {
  const { keyId = 'first', organisationId = 'acme', ...rest } = key;
  const secretHash = testSecretHash;
  await store.keys.create({ keyId, organisationId, secretHash, ...rest });
  return { keyId, organisationId, secretHash };
}

export function newCallId(now: number): string {
  return makeCallId(now, randomBytes(callIdRandomBytes));
}

/** What admission is asked, with a call id of its own. */
export function admitRequest(
  store: TestStore,
  claim: KeyClaim,
  held: { usd: string; tokens?: number; lifeMs?: number; callId?: string },
) {
  const now = store.clock.now();
  return {
    callId: held.callId ?? newCallId(now),
    claim,
    hold: { usd: usd(held.usd), tokens: held.tokens ?? 100 },
    now,
    expiresAt: now + (held.lifeMs ?? 120_000),
  };
}

export function settleRequest(
  hold: Hold,
  spent: { usd: string; tokens?: number; status?: RecordStatus },
) {
  const { status = 'ok', tokens = hold.tokens } = spent;
  const record = usageRecord(hold, { status, totalUsd: spent.usd });
  return { hold, costUsd: usd(spent.usd), tokens, record };
}

export function usageRecord(
  hold: Pick<Hold, 'callId' | 'keyId' | 'organisationId'>,
  said: { status: RecordStatus; totalUsd: string },
): UsageRecord {
  return {
    callId: hold.callId,
    organisationId: hold.organisationId,
    keyId: hold.keyId,
    receivedAt: 0,
    format: 'openai-chat',
    stream: false,
    model: 'test-model',
    policyVersion: 'test',
    status: said.status,
    httpStatus: 200,
    attempts: [],
    plan: [],
    dropped: [],
    receipt: { basis: 'upstream', lines: [], totalUsd: said.totalUsd, tokens: { output: 1 } },
    segments: { steps: {}, routingMs: 0, upstreamMs: 0, cacheMs: 0, totalMs: 0 },
  };
}
