/** Local mode: a whole installation in one process, wired from a policy and a data directory. */
import { join } from 'node:path';
import { usd } from '../core/money.ts';
import type { Credentials, Log, Upstream } from '../core/ports.ts';
import { systemClock } from '../edges/clock.ts';
import { createEnvironmentCredentials } from '../edges/credentials.ts';
import { createKeys } from '../edges/dynamo/keys.ts';
import { createLedger } from '../edges/dynamo/ledger.ts';
import { createOrganisations } from '../edges/dynamo/organisations.ts';
import { createUsageStore } from '../edges/dynamo/usage-store.ts';
import { createKeyring } from '../edges/keyring.ts';
import { loadSigningSecretFile } from '../edges/signing-secret.ts';
import { createUpstream } from '../edges/upstream.ts';
import { livePolicyDocument } from '../providers/default-policy.ts';
import { type CompiledPolicy, compilePolicy } from '../providers/policy-document.ts';
import { createAdminDoor } from './admin-door.ts';
import { compose } from './compose.ts';
import { startLocalDoor } from './local.ts';
import { type LocalKey, localAdminKey, openAccounts } from './local-accounts.ts';
import { type LocalStore, openLocalStore } from './local-store.ts';
import { simulatedPolicyDocument } from './simulated/policy.ts';
import { type SimulatedServer, startSimulatedProviders } from './simulated/server.ts';

export type LocalSettings = {
  port: number;
  adminPort: number;
  host?: string;
  /** Where the admin endpoints listen: on this machine alone, unless it is said. */
  adminHost?: string;
  dataDirectory: string;
  /** The parsed policy document; absent: live providers by their keys, or simulated ones. */
  policyDocument?: unknown;
  allowPrivateUpstreams: boolean;
  environment: Readonly<Record<string, string | undefined>>;
  log: Log;
};

export type LocalInstallation = {
  gatewayUrl: string;
  adminUrl: string;
  keys: readonly LocalKey[];
  adminKey: string;
  compiled: CompiledPolicy;
  simulated: boolean;
  /** Drains calls in flight, settles them, and stops the store. */
  close(): Promise<void>;
};

/** Starts everything, or nothing: what was started before a fault is stopped again. */
export async function startLocal(settings: LocalSettings): Promise<LocalInstallation> {
  const closers: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return await start(settings, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(
  settings: LocalSettings,
  closers: (() => Promise<unknown>)[],
  close: () => Promise<void>,
): Promise<LocalInstallation> {
  const { environment, log, dataDirectory } = settings;
  const { document, simulators } = await findPolicy(settings, closers);
  const compiled = compilePolicy(document);
  const store = await openLocalStore(dataDirectory, environment);
  closers.push(store.close);
  const signingKey = await loadSigningSecretFile(join(dataDirectory, 'signing-secret'));
  const stores = storesOf(store);
  const seeds = compiled.organisations.length > 0 ? compiled.organisations : [defaultOrganisation];
  const keys = await openAccounts(stores, signingKey, seeds);
  const { policy } = compiled;
  const upstream = openUpstream(settings, simulators, closers);
  const gateway = compose({
    ...{ client: store.client, tables: store.tables, signingKey, upstream, log },
    policy: { current: () => policy, ready: async () => {} },
    credentials: credentialsOf(compiled, environment),
  });
  const adminKey = localAdminKey(signingKey);
  const adminKeyring = createKeyring(signingKey, 'admin');
  const admin = createAdminDoor({
    ...{ ...stores, clock: systemClock, log },
    policy: { document: () => document, version: () => policy.version },
    admits: (secret) => adminKeyring.verify(secret)?.keyId === adminKey.claim.keyId,
  });
  const { host, adminHost, port, adminPort } = settings;
  const onFault = faultLog(log);
  const adminDoor = await startLocalDoor({
    ...{ handle: admin, port: adminPort, onFault },
    ...(adminHost === undefined ? {} : { host: adminHost }),
  });
  closers.push(() => adminDoor.close());
  const door = await startLocalDoor({
    ...{ handle: gateway, port, onFault },
    ...(host === undefined ? {} : { host }),
  });
  closers.push(() => door.close());
  return {
    ...{ gatewayUrl: door.url, adminUrl: adminDoor.url, keys, adminKey: adminKey.text },
    ...{ compiled, simulated: simulators !== undefined, close },
  };
}

/** By name and place: what an error says may quote a call. */
function faultLog(log: Log): (fault: unknown) => void {
  return (fault) => {
    const error = fault instanceof Error ? fault : new Error('not an error');
    log.error('fault', { error: error.name, at: error.stack?.split('\n')[1]?.trim() });
  };
}

/** A key of one's own money is not spent without a bound, even by oneself. */
const defaultOrganisation = {
  name: 'local',
  billing: 'prepaid' as const,
  balance: usd('100'),
  keys: [{ name: 'local', limits: {}, settings: { name: 'local' } }],
};

type FoundPolicy = { document: unknown; simulators?: SimulatedServer };

async function findPolicy(
  { policyDocument, environment }: LocalSettings,
  closers: (() => Promise<unknown>)[],
): Promise<FoundPolicy> {
  const document = policyDocument ?? livePolicyDocument(environment);
  if (document !== undefined) return { document };
  const simulators = await startSimulatedProviders();
  closers.push(simulators.close);
  return { document: simulatedPolicyDocument(simulators.url), simulators };
}

function storesOf(store: LocalStore) {
  const options = { client: store.client, tables: store.tables, clock: systemClock };
  return {
    organisations: createOrganisations(options),
    keys: createKeys(options),
    ledger: createLedger(options),
    usage: createUsageStore(options),
  };
}

/** Private addresses stay closed to all but our own simulated providers, unless asked for. */
function openUpstream(
  settings: LocalSettings,
  simulators: SimulatedServer | undefined,
  closers: (() => Promise<unknown>)[],
): Upstream {
  const guarded = createUpstream({ allowPrivateAddresses: settings.allowPrivateUpstreams });
  closers.push(() => guarded.close());
  if (simulators === undefined) return guarded;
  const ours = createUpstream({ allowPrivateAddresses: true });
  closers.push(() => ours.close());
  const isOurs = (url: string): boolean => url.startsWith(`${simulators.url}/`);
  return { send: (request) => (isOurs(request.url) ? ours : guarded).send(request) };
}

/** Credentials stand in environment variables, which the policy or the provider's record names. */
function credentialsOf(
  { keyVariables }: CompiledPolicy,
  environment: LocalSettings['environment'],
): Credentials {
  const fromEnvironment = createEnvironmentCredentials({ ...environment });
  return { secret: (name) => fromEnvironment.secret(`env:${keyVariables.get(name) ?? ''}`) };
}
