/** The whole gateway for a test: real store, real local door, real HTTP to upstreams of the test's own. */
import { randomBytes } from 'node:crypto';
import type { KeyLimits, KeySettings } from '../../lambdas/core/accounts.ts';
import { mintApiKey, newOrganisationId } from '../../lambdas/core/api-key.ts';
import { dayOfCallId } from '../../lambdas/core/call-id.ts';
import type { HttpCall } from '../../lambdas/core/http.ts';
import { usd, usdText } from '../../lambdas/core/money.ts';
import type { Ports } from '../../lambdas/core/ports.ts';
import type { UsageRecord } from '../../lambdas/core/usage-record.ts';
import { compose } from '../../lambdas/doors/compose.ts';
import { startLocalDoor } from '../../lambdas/doors/local.ts';
import type { DynamoClient } from '../../lambdas/edges/dynamo/client.ts';
import { createLog } from '../../lambdas/edges/log.ts';
import { createUpstream } from '../../lambdas/edges/upstream.ts';
import { compilePolicy } from '../../lambdas/providers/policy-document.ts';
import { openTestStore, type TestStore } from './store.ts';

export type GatewaySetting = {
  /** A policy document without organisations. */
  policy: object;
  balance?: string;
  billing?: 'prepaid' | 'postpaid';
  budget?: string;
  limits?: KeyLimits;
  settings?: KeySettings;
  /** Secrets by credential name; every other credential is `test-secret`. */
  secrets?: Record<string, string>;
  /** How long the process says that it will live, as Lambda does; absent: for ever. */
  processEndsInMs?: number;
  /** Stands before the store's accounts, such as one that fails. */
  accounts?: (real: Ports['accounts']) => Ports['accounts'];
  /** Stands before the store's client, such as one that counts. */
  client?: (real: DynamoClient) => DynamoClient;
};

export type TestGateway = {
  /** Without a path. */
  url: string;
  key: string;
  keyId: string;
  organisationId: string;
  store: TestStore;
  /** Lines that were logged. */
  log: string[];
  /** What the account says now: decimal strings. */
  account(): Promise<{ balance: string; spent: string; holds: number }>;
  /** Resolves once a record of this call is there. */
  record(callId: string): Promise<UsageRecord>;
  close(): Promise<void>;
};

const signingKey = randomBytes(32);
const recordWaitMs = 5_000;

export async function startGateway(setting: GatewaySetting): Promise<TestGateway> {
  const store = await openTestStore();
  const organisationId = newOrganisationId(randomBytes);
  await store.organisations.create({
    organisationId,
    name: 'a test',
    billing: setting.billing ?? 'prepaid',
    ...(setting.budget === undefined ? {} : { budgetUsd: usd(setting.budget) }),
  });
  const balance = usd(setting.balance ?? '100');
  if (!balance.isZero()) {
    await store.ledger.book({ organisationId, paymentId: 'opening', amountUsd: balance });
  }
  const { text: key, claim } = mintApiKey(signingKey, organisationId, randomBytes);
  const { limits, settings } = setting;
  await store.keys.create({ ...claim, limits, settings });

  const policy = compilePolicy(setting.policy).policy;
  const lines: string[] = [];
  const upstream = createUpstream({ allowPrivateAddresses: true });
  const handle = compose({
    client: setting.client?.(store.client) ?? store.client,
    tables: store.tables,
    signingKey,
    policy: { current: () => policy, ready: async () => {} },
    credentials: { secret: async (name) => setting.secrets?.[name] ?? 'test-secret' },
    upstream,
    log: createLog({ write: (line) => lines.push(line) }),
    around: setting.accounts,
  });
  const { processEndsInMs } = setting;
  const mortal = (call: HttpCall) =>
    handle(processEndsInMs ? { ...call, processEndsAt: Date.now() + processEndsInMs } : call);
  const door = await startLocalDoor({ handle: mortal, port: 0 });
  return {
    url: door.url,
    key,
    keyId: claim.keyId,
    organisationId,
    store,
    log: lines,
    async account() {
      const account = await store.organisations.account(organisationId);
      if (account === undefined) throw new Error('the organisation is gone');
      const { balanceUsd, spentUsd, holds } = account;
      return {
        balance: usdText(balanceUsd),
        spent: usdText(spentUsd),
        holds: holds.length,
      };
    },
    async record(callId) {
      const until = Date.now() + recordWaitMs;
      for (;;) {
        const stored = await store.usage.get(organisationId, callId);
        if (stored !== undefined) return stored.record;
        if (Date.now() > until) throw new Error(`no record of ${callId}, ${dayOfCallId(callId)}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
    async close() {
      await door.close();
      await upstream.close();
    },
  };
}

/** A policy in which each model has one route a given upstream, by its format. */
export function policyOf(
  upstreams: Record<string, { url: string; format: 'openai' | 'anthropic' }>,
  more: object = {},
): object {
  const kinds = { openai: 'openai-compatible', anthropic: 'anthropic' } as const;
  const names = Object.keys(upstreams);
  return {
    providers: Object.fromEntries(
      Object.entries(upstreams).map(([name, { url, format }]) => [
        name,
        { kind: kinds[format], baseUrl: `${url}/v1`, credential: name },
      ]),
    ),
    models: {
      'test-model': {
        contextTokens: 200_000,
        outputTokensMax: 4_096,
        routes: names.map((provider) => ({ provider, model: `${provider}-model` })),
      },
    },
    prices: Object.fromEntries(names.map((name) => [`${name}/${name}-model`, testPrice])),
    ...more,
  };
}

export const testPrice = {
  input: '1',
  cachedInput: '0.5',
  cacheWrite5m: '1.25',
  cacheWrite1h: '2',
  output: '2',
};
