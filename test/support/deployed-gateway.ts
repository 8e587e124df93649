/**
 * The gateway as it is deployed: its real bundle under AWS's own runtime loop, with a store, a
 * Secrets Manager and upstreams on loopback in place of the region's.
 */
import { randomBytes } from 'node:crypto';
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { mintApiKey, newOrganisationId } from '../../lambdas/core/api-key.ts';
import { type TableName, tables, variables } from '../../lambdas/core/settings.ts';
import { createPolicyStore } from '../../lambdas/edges/dynamo/policy-store.ts';
import { type LambdaRuntime, startLambdaRuntime } from './lambda-runtime.ts';
import { createOrganisation, openTestStore, type TestStore } from './store.ts';

export type DeployedGateway = {
  runtime: LambdaRuntime;
  store: TestStore;
  key: string;
  organisationId: string;
  /** What the function did to each table: `usage PutItem`. */
  storeCalls: Set<string>;
  close(): Promise<void>;
};

const signingSecretId = 'fairlead-signing';
const credentialPrefix = 'fairlead/trial/credentials/';

export async function startDeployedGateway(
  directory: string,
  policy: object,
): Promise<DeployedGateway> {
  const store = await openTestStore(Date.now());
  const organisationId = newOrganisationId(randomBytes);
  await createOrganisation(store, { organisationId });
  const signingSecret = randomBytes(32).toString('base64url');
  const { text: key, claim } = mintApiKey(Buffer.from(signingSecret), organisationId, randomBytes);
  await store.keys.create(claim);
  const text = JSON.stringify(policy);
  await createPolicyStore(store).write({ version: 'v1', text });

  const storeCalls = new Set<string>();
  const recorder = await startStoreRecorder(store, storeCalls);
  const secrets = await startSecrets({
    [signingSecretId]: signingSecret,
    [`${credentialPrefix}upstream`]: 'upstream-secret',
  });
  const runtime = await startLambdaRuntime(directory, {
    ...Object.fromEntries(
      (Object.keys(tables) as TableName[]).map((name) => [
        tables[name].variable,
        store.tables[name],
      ]),
    ),
    [variables.dynamodbEndpoint]: urlOf(recorder),
    [variables.keySigningSecret]: signingSecretId,
    [variables.credentialPrefix]: credentialPrefix,
    [variables.allowPrivateUpstreams]: 'true',
    AWS_ENDPOINT_URL_SECRETS_MANAGER: urlOf(secrets),
  });
  return {
    ...{ runtime, store, key, organisationId, storeCalls },
    async close() {
      await runtime.close();
      await Promise.all([recorder, secrets].map(closeServer));
    },
  };
}

/** Stands before the store and notes what is done to which table. */
function startStoreRecorder(store: TestStore, calls: Set<string>): Promise<Server> {
  const { hostname, port } = new URL(store.endpoint);
  const tableOf = (name: string | undefined): string =>
    Object.entries(store.tables).find(([, physical]) => physical === name)?.[0] ?? 'unknown';
  return listen(async (incoming, body, answer) => {
    const operation = String(incoming.headers['x-amz-target']).split('.')[1];
    const { TableName: name } = JSON.parse(body.toString()) as { TableName?: string };
    calls.add(`${tableOf(name)} ${operation}`);
    const { method, url, headers } = incoming;
    const outgoing = request({ hostname, port, method, path: url, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers);
      reply.pipe(answer);
    });
    outgoing.on('error', () => answer.destroy());
    outgoing.end(body);
  });
}

/** As much of Secrets Manager as reading a secret takes. */
function startSecrets(secrets: Record<string, string>): Promise<Server> {
  return listen(async (incoming, body, answer) => {
    const { SecretId: id } = JSON.parse(body.toString()) as { SecretId: string };
    const value = secrets[id];
    const allowed = incoming.headers['x-amz-target'] === 'secretsmanager.GetSecretValue';
    const reply =
      value !== undefined && allowed
        ? { Name: id, SecretString: value }
        : { __type: 'ResourceNotFoundException' };
    answer.writeHead(value === undefined ? 400 : 200, { 'content-type': 'application/json' });
    answer.end(JSON.stringify(reply));
  });
}

async function listen(
  answer: (incoming: IncomingMessage, body: Buffer, outgoing: ServerResponse) => Promise<void>,
): Promise<Server> {
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      answer(incoming, Buffer.concat(chunks), outgoing).catch(() => outgoing.destroy());
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

function urlOf(server: Server): string {
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
