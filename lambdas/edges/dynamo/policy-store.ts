/** The policy in force, kept in the store and watched from there. */
import type { Policy } from '../../core/policy.ts';
import type { Clock, Log, PolicySource } from '../../core/ports.ts';
import type { TableNames } from '../../core/settings.ts';
import { countValue, type Item, readText, textValue } from './attributes.ts';
import { ConditionFailed, type DynamoClient } from './client.ts';

const policyKey: Item = { pk: textValue('policy'), sk: textValue('active') };

export type StoredPolicy = { version: string; text: string };

export type PolicyStore = {
  read(): Promise<StoredPolicy | undefined>;
  /**
   * Replaces the document. With `replaces`, only where that version is still the one in force;
   * `undefined` there means that none may be in force yet.
   */
  write(policy: StoredPolicy, replaces?: { version: string | undefined }): Promise<boolean>;
};

type StoreOptions = { client: DynamoClient; tables: TableNames; clock: Pick<Clock, 'now'> };

export function createPolicyStore({ client, tables, clock }: StoreOptions): PolicyStore {
  return {
    read: () => readPolicy(client, tables),
    async write(policy, replaces) {
      const condition = replaces === undefined ? {} : conditionOf(replaces.version);
      try {
        await client.putItem({
          TableName: tables.keys,
          Item: {
            ...policyKey,
            version: textValue(policy.version),
            document: textValue(policy.text),
            writtenAt: countValue(clock.now()),
          },
          ...condition,
        });
        return true;
      } catch (error) {
        if (error instanceof ConditionFailed) return false;
        throw error;
      }
    },
  };
}

function conditionOf(version: string | undefined) {
  if (version === undefined) return { ConditionExpression: 'attribute_not_exists(pk)' };
  return {
    ConditionExpression: '#version = :version',
    ExpressionAttributeNames: { '#version': 'version' },
    ExpressionAttributeValues: { ':version': textValue(version) },
  };
}

async function readPolicy(
  client: DynamoClient,
  tables: TableNames,
): Promise<StoredPolicy | undefined> {
  const item = await client.getItem({ TableName: tables.keys, Key: policyKey });
  const version = readText(item?.version);
  const text = readText(item?.document);
  return version === undefined || text === undefined ? undefined : { version, text };
}

export type PolicySourceOptions = {
  client: DynamoClient;
  tables: TableNames;
  /** Turns a document into a policy; throws on one that cannot be in force. */
  compile: (text: string, version: string) => Policy;
  clock: Pick<Clock, 'monotonicMs'>;
  log: Log;
  refreshMs?: number;
};

const refreshMsDefault = 5_000;

/**
 * Looks again when it is used and its knowledge is older than `refreshMs`, without making that
 * use wait. A broken document or a silent store changes nothing: the last good policy stays.
 */
export function createPolicySource(options: PolicySourceOptions): PolicySource {
  const { client, tables, compile, clock, log, refreshMs = refreshMsDefault } = options;
  let policy: Policy | undefined;
  let seenText: string | undefined;
  let lookedAt = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;

  const look = async (): Promise<void> => {
    lookedAt = clock.monotonicMs();
    const stored = await readPolicy(client, tables);
    if (stored === undefined) throw new Error('no policy has been written yet');
    if (stored.text === seenText) return;
    const compiled = compile(stored.text, stored.version);
    seenText = stored.text;
    policy = compiled;
  };
  const lookOnce = (): Promise<void> => {
    looking ??= look().finally(() => {
      looking = undefined;
    });
    return looking;
  };

  return {
    current() {
      if (policy === undefined) throw new Error('no policy is in force yet');
      if (clock.monotonicMs() - lookedAt >= refreshMs) {
        lookOnce().catch((error: unknown) => {
          const message = error instanceof Error ? error.message : String(error);
          log.error('policy-refresh-failed', { message });
        });
      }
      return policy;
    },
    async ready() {
      if (policy === undefined) await lookOnce();
    },
  };
}
