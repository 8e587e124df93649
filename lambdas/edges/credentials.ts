/** The secrets that open providers: from the environment, or from Secrets Manager. */
import type { Clock, Credentials } from '../core/ports.ts';

export type ForgettableCredentials = Credentials & {
  /** The provider refused this one: read it afresh next time, it may have been rotated. */
  forget(name: string): void;
};

/** There is no secret of this name, or none can be read. */
export class CredentialError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'CredentialError';
  }
}

const environmentPrefix = 'env:';

/**
 * Credentials from environment variables: one named `env:MY_KEY` is that variable's value, and
 * `variables` says under which variable the others are found.
 */
export function createEnvironmentCredentials(
  environment: Record<string, string | undefined>,
  variables: ReadonlyMap<string, string> = new Map(),
): ForgettableCredentials {
  return {
    async secret(name) {
      const variable = name.startsWith(environmentPrefix)
        ? name.slice(environmentPrefix.length)
        : variables.get(name);
      const value = variable === undefined ? undefined : environment[variable]?.trim();
      if (value !== undefined && value !== '') return value;
      throw new CredentialError(`credential ${name}: ${variable ?? 'no variable'} is not set`);
    },
    forget() {},
  };
}

/** Fetches a secret's text by its full name; `undefined` where there is none. */
export type FetchSecret = (secretId: string) => Promise<string | undefined>;

export type CachedCredentialsOptions = {
  fetchSecret: FetchSecret;
  /** Put before a credential's name to make the secret's. */
  prefix: string;
  clock: Pick<Clock, 'monotonicMs'>;
  /** In [0, 1): spreads the refreshes of many processes. */
  random: () => number;
};

const freshMs = 5 * 60_000;
const jitterMs = 60_000;
/** After `forget`, the store is asked again no sooner than this: a wrong key is not a flood. */
const refetchMs = 10_000;
const credentialsMax = 1_000;

type Entry = { value: Promise<string>; fetchedAt: number; freshUntil: number };

/** Keeps each secret for five minutes; however many calls wait for it, it is fetched once. */
export function createCachedCredentials(options: CachedCredentialsOptions): ForgettableCredentials {
  const { fetchSecret, prefix, clock, random } = options;
  const entries = new Map<string, Entry>();
  const fetch = async (name: string): Promise<string> => {
    const value = await fetchSecret(prefix + name);
    if (value === undefined || value.trim() === '') {
      throw new CredentialError(`credential ${name} has no secret`);
    }
    return value.trim();
  };
  return {
    secret(name) {
      const now = clock.monotonicMs();
      const known = entries.get(name);
      if (known !== undefined && now < known.freshUntil) return known.value;
      if (entries.size >= credentialsMax) entries.clear();
      const entry = {
        value: fetch(name),
        fetchedAt: now,
        freshUntil: now + freshMs + random() * jitterMs,
      };
      entries.set(name, entry);
      entry.value.catch(() => {
        // A failure is not kept: the next call asks again.
        if (entries.get(name) === entry) entries.delete(name);
      });
      return entry.value;
    },
    forget(name) {
      const known = entries.get(name);
      if (known === undefined) return;
      known.freshUntil = Math.min(known.freshUntil, known.fetchedAt + refetchMs);
    },
  };
}
