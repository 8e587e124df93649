/** Turns a policy document, as people write it, into the policy that calls are decided by. */
import { createHash } from 'node:crypto';
import type { KeyLimits, KeySettings } from '../core/accounts.ts';
import { magnitudeForRanking, type Usd, usd } from '../core/money.ts';
import type { Group, Model, Policy, Price, Prior, Provider } from '../core/policy.ts';
import { faultsFromIssues, PolicyError } from './policy-faults.ts';
import { checkReferences, routeId } from './policy-references.ts';
import {
  type ModelEntry,
  type PolicyDocument,
  type PriceEntry,
  type ProviderEntry,
  policyFieldNames,
  policySchema,
} from './policy-schema.ts';
import { type ProviderRecord, providerRecords, timeoutDefaults } from './records.ts';

export type { PolicyInput } from './policy-schema.ts';

export type CompiledPolicy = {
  policy: Policy;
  /** Accounts that local mode opens when it first sees them. */
  organisations: readonly OrganisationSeed[];
  /** Credential name → environment variable in which local mode finds its secret. */
  keyVariables: ReadonlyMap<string, string>;
  /** Routes that nobody has priced: they stand, and are called once somebody does. */
  unpriced: readonly string[];
};

export type OrganisationSeed = {
  /** What the document calls it; its account gets an id of its own. */
  name: string;
  title?: string;
  billing: 'prepaid' | 'postpaid';
  /** The first top-up of a prepaid organisation; given once. */
  balance?: Usd;
  /** Dollars per calendar month. */
  budget?: Usd;
  keys: readonly KeySeed[];
};

export type KeySeed = { name: string; limits: KeyLimits; settings: KeySettings };

const priorDefaults: Prior = { success: 0.95, firstTokenMs: 800, tokensPerSecond: 60 };
const worthDefaults = { secondUsd: '0.001', errorUsd: '0.005' } as const;
const attemptDefaults = { legsMax: 4, attemptsMax: 3, deadlineMs: 600_000 } as const;

/** Compiles a parsed document; throws a `PolicyError` that names every fault at its place. */
export function compilePolicy(input: unknown): CompiledPolicy {
  const parsed = policySchema.safeParse(input, { reportInput: true });
  if (!parsed.success) {
    throw new PolicyError(faultsFromIssues(parsed.error.issues, policyFieldNames));
  }
  const document = parsed.data;
  const faults = checkReferences(document);
  if (faults.length > 0) throw new PolicyError(faults);
  const providers = new Map(
    Object.entries(document.providers).map(([name, entry]) => [name, provider(name, entry)]),
  );
  return {
    policy: {
      version: document.version ?? fingerprint(input),
      providers,
      models: modelsOf(document, providers),
      groups: new Map(
        Object.entries(document.groups).map(([name, entry]) => [
          name,
          { name, by: entry.by, members: entry.members } satisfies Group,
        ]),
      ),
      worth: {
        secondUsd: ranked(document.worth?.secondUsd ?? worthDefaults.secondUsd),
        errorUsd: ranked(document.worth?.errorUsd ?? worthDefaults.errorUsd),
      },
      attempts: { ...attemptDefaults, ...defined(document.attempts ?? {}) },
    },
    organisations: Object.entries(document.organisations).map(organisationSeed),
    keyVariables: keyVariablesOf(document),
    unpriced: Object.entries(document.models)
      .flatMap(([name, entry]) => entry.routes.map((route) => routeId(name, route)))
      .filter((id) => !Object.hasOwn(document.prices, id)),
  };
}

/** The record that an entry stands on: the one it names as its kind, or of its own name. */
export function recordOf(name: string, entry: ProviderEntry): ProviderRecord | undefined {
  return providerRecords.get(entry.kind ?? name);
}

function provider(name: string, entry: ProviderEntry): Provider {
  const record = recordOf(name, entry);
  if (record === undefined) throw new RangeError(`unchecked provider ${name}`);
  return {
    name,
    format: record.format,
    baseUrl: (entry.baseUrl ?? record.baseUrl ?? '').replace(/\/+$/, ''),
    auth: entry.auth ?? record.auth,
    headers: { ...record.headers, ...entry.headers },
    ...defined({ credential: credentialOf(name, entry), simulated: entry.simulated }),
    quirks: { ...record.quirks, ...defined(entry.quirks ?? {}) },
    timeouts: { ...timeoutDefaults, ...defined(entry.timeouts ?? {}) },
  };
}

/** A provider has a credential unless it says it wants none, or is of a kind that needs none. */
function credentialOf(name: string, entry: ProviderEntry): string | undefined {
  if (entry.credential === false || entry.simulated === true) return undefined;
  if (entry.credential !== undefined) return entry.credential;
  const wantsOne = entry.keyVariable ?? recordOf(name, entry)?.keyVariable;
  return wantsOne === undefined ? undefined : name;
}

function keyVariablesOf(document: PolicyDocument): Map<string, string> {
  const found = new Map<string, string>();
  for (const [name, entry] of Object.entries(document.providers)) {
    const credential = credentialOf(name, entry);
    if (credential === undefined) continue;
    const usual = entry.keyVariable ?? recordOf(name, entry)?.keyVariable;
    found.set(credential, usual ?? `${credential.toUpperCase().replace(/\W/g, '_')}_API_KEY`);
  }
  return found;
}

function modelsOf(
  document: PolicyDocument,
  providers: ReadonlyMap<string, Provider>,
): Map<string, Model> {
  const priceOf = (id: string, providerName: string): Price | undefined => {
    const entry = document.prices[id];
    const provided = document.providers[providerName];
    if (entry === undefined || provided === undefined || !providers.has(providerName)) return;
    return price(id, entry, recordOf(providerName, provided)?.perPiece);
  };
  return new Map(
    Object.entries(document.models).map(([name, entry]) => [name, model(name, entry, priceOf)]),
  );
}

function model(
  name: string,
  entry: ModelEntry,
  priceOf: (id: string, provider: string) => Price | undefined,
): Model {
  return {
    name,
    ...defined({ contextTokens: entry.contextTokens }),
    ...defined({ outputTokensMax: entry.outputTokensMax }),
    routes: entry.routes.map((route) => {
      const id = routeId(name, route);
      return {
        id,
        provider: route.provider,
        upstreamModel: route.model ?? name,
        ...defined({ price: priceOf(id, route.provider) }),
        prior: { ...priorDefaults, ...defined(route.prior ?? {}) },
      };
    }),
  };
}

/**
 * Cached input is never dearer than input, so that is its price where no other is given; what a
 * vendor bills by the piece has its list price unless the document says otherwise.
 */
function price(id: string, entry: PriceEntry, listed: Record<string, string> = {}): Price {
  const { version, perRequest, perPiece: given, ...classes } = entry;
  const perPiece = { ...listed, ...given };
  const perMillion: Price['perMillion'] = {};
  const all = { ...classes, cachedInput: classes.cachedInput ?? classes.input };
  for (const [name, text] of Object.entries(all) as [keyof typeof all, string | undefined][]) {
    if (text !== undefined) perMillion[name] = usd(text);
  }
  return {
    version: version ?? `${id}@${fingerprint({ ...entry, perPiece })}`,
    perMillion,
    ...(perRequest === undefined ? {} : { perRequest: usd(perRequest) }),
    perPiece: eachUsd(perPiece),
  };
}

function organisationSeed([name, entry]: [string, PolicyDocument['organisations'][string]]) {
  const seed: OrganisationSeed = {
    name,
    billing: entry.billing,
    ...defined({ title: entry.name }),
    ...(entry.balance === undefined ? {} : { balance: usd(entry.balance) }),
    ...(entry.budget === undefined ? {} : { budget: usd(entry.budget) }),
    keys: Object.entries(entry.keys ?? {}).map(([keyName, key]) => {
      const { limits = {}, ...settings } = key;
      const { dailyUsd, ...rates } = limits;
      return {
        name: keyName,
        limits: { ...rates, ...(dailyUsd === undefined ? {} : { dailyUsd: usd(dailyUsd) }) },
        settings: { name: keyName, ...defined(settings) },
      };
    }),
  };
  return seed;
}

function eachUsd(amounts: Record<string, string>): Record<string, Usd> {
  return Object.fromEntries(Object.entries(amounts).map(([name, text]) => [name, usd(text)]));
}

function ranked(text: string): number {
  return magnitudeForRanking(usd(text));
}

/** Leaves out what was not said, so that a default is never overwritten by `undefined`. */
function defined<T extends object>(values: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}

function fingerprint(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 12);
}
