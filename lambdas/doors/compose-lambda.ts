/** The gateway as its Lambda function runs it: every part found from the environment, once. */
import type { HttpCall, HttpReply } from '../core/http.ts';
import { problem } from '../core/problem.ts';
import { type TableNames, tables, variables } from '../core/settings.ts';
import { systemClock } from '../edges/clock.ts';
import { createCachedCredentials } from '../edges/credentials.ts';
import { createDynamoClient, type DynamoClient } from '../edges/dynamo/client.ts';
import { environmentCredentials } from '../edges/dynamo/credentials.ts';
import { createNodeTransport } from '../edges/dynamo/node-transport.ts';
import { createPolicySource } from '../edges/dynamo/policy-store.ts';
import { createLog } from '../edges/log.ts';
import { createSecretsManagerFetch } from '../edges/secrets-manager.ts';
import { fetchSigningSecret } from '../edges/signing-secret.ts';
import { createNodeUpstream } from '../edges/upstream-node.ts';
import type { Gateway } from '../gateway/gateway.ts';
import { compilePolicy } from '../providers/policy-document.ts';
import { compose } from './compose.ts';

type Environment = Record<string, string | undefined>;

/**
 * Reading begins at once and the first call waits for it. A beginning that failed is tried again
 * by the next call; until then callers read 503, never a crash.
 */
export function composeLambda(environment: Environment): (call: HttpCall) => Promise<HttpReply> {
  const log = createLog();
  let beginning: Promise<Gateway> | undefined;
  const begin = (): Promise<Gateway> => {
    beginning ??= composeNow(environment, log).catch((error: unknown) => {
      beginning = undefined;
      throw error;
    });
    return beginning;
  };
  begin().catch(() => {});
  return async (call) => {
    try {
      return await (await begin())(call);
    } catch (error) {
      const fault = error instanceof Error ? error : new Error('not an error');
      log.error('fault', { error: fault.name, message: fault.message });
      return notReady();
    }
  };
}

async function composeNow(
  environment: Environment,
  log: ReturnType<typeof createLog>,
): Promise<Gateway> {
  const fetchSecret = createSecretsManagerFetch();
  const client = dynamoClientOf(environment);
  const names = tableNamesOf(environment);
  const policy = createPolicySource({
    ...{ client, tables: names, clock: systemClock, log },
    compile: (text) => compilePolicy(JSON.parse(text)).policy,
  });
  const [signingKey] = await Promise.all([
    fetchSigningSecret(fetchSecret, needed(environment, variables.keySigningSecret)),
    policy.ready(),
  ]);
  const prefix = needed(environment, variables.credentialPrefix);
  const credentials = createCachedCredentials({
    ...{ fetchSecret, prefix, clock: systemClock, random: Math.random },
  });
  const allowPrivateAddresses = environment[variables.allowPrivateUpstreams] === 'true';
  const upstream = createNodeUpstream({ allowPrivateAddresses });
  return compose({ client, tables: names, signingKey, policy, credentials, upstream, log });
}

function dynamoClientOf(environment: Environment): DynamoClient {
  const region = needed(environment, 'AWS_REGION');
  const given = environment[variables.dynamodbEndpoint];
  const endpoint = given ?? `https://dynamodb.${region}.amazonaws.com`;
  const transport = createNodeTransport(endpoint);
  const credentials =
    environmentCredentials(environment) ?? refuseToBegin('AWS_ACCESS_KEY_ID is not set');
  return createDynamoClient({ transport, endpoint, region, credentials });
}

function tableNamesOf(environment: Environment): TableNames {
  return {
    keys: needed(environment, tables.keys.variable),
    counters: needed(environment, tables.counters.variable),
    cache: needed(environment, tables.cache.variable),
    usage: needed(environment, tables.usage.variable),
  };
}

function needed(environment: Environment, name: string): string {
  const value = environment[name];
  return value === undefined || value === '' ? refuseToBegin(`${name} is not set`) : value;
}

function refuseToBegin(because: string): never {
  throw new Error(because);
}

/** The gateway itself could not begin, so no format is known: the shape most clients read. */
function notReady(): HttpReply {
  const { status, message, code } = problem('store_unavailable', 'The gateway is not ready.');
  return {
    status,
    headers: { 'content-type': 'application/json', 'retry-after': '1' },
    body: Buffer.from(JSON.stringify({ error: { message, type: 'server_error', code } })),
    finished: Promise.resolve(),
  };
}
