/** The store of local mode: an embedded DynamoDB over a data directory, or one that is given. */
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type TableNames, type TableSpec, tables, variables } from '../core/settings.ts';
import { createDynamoClient, type DynamoClient } from '../edges/dynamo/client.ts';
import { environmentCredentials, localCredentials } from '../edges/dynamo/credentials.ts';
import { createSocketTransport } from '../edges/dynamo/socket-transport.ts';
import { createTables, startEmbeddedDynamo } from '../edges/embedded-dynamodb.ts';

export type LocalStore = { client: DynamoClient; tables: TableNames; close(): Promise<void> };

type Environment = Readonly<Record<string, string | undefined>>;

/** Creates the tables that are missing. Rejects where another process has the directory open. */
export async function openLocalStore(
  dataDirectory: string,
  environment: Environment,
): Promise<LocalStore> {
  const unlock = await lockDirectory(dataDirectory);
  const closers: (() => Promise<void>)[] = [unlock];
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const endpoint = await findEndpoint(dataDirectory, environment, closers);
    const client = createDynamoClient({
      transport: createSocketTransport(endpoint),
      endpoint,
      region: environment.AWS_REGION ?? 'us-east-1',
      credentials: environmentCredentials({ ...environment }) ?? localCredentials(),
    });
    closers.push(() => client.close());
    const names = tableNamesOf(environment);
    await createTables(client, names).catch((error: unknown) => {
      throw new Error(`the store at ${endpoint} cannot be used: ${reasonOf(error)}`);
    });
    return { client, tables: names, close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function findEndpoint(
  dataDirectory: string,
  environment: Environment,
  closers: (() => Promise<void>)[],
): Promise<string> {
  const given = environment[variables.dynamodbEndpoint];
  if (given !== undefined && given !== '') {
    if (URL.canParse(given)) return given;
    throw new Error(`${variables.dynamodbEndpoint} is not a URL: ${given}`);
  }
  const embedded = await startEmbeddedDynamo({ dataDirectory });
  closers.push(embedded.stop);
  return embedded.endpoint;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'no reason was given';
}

function tableNamesOf(environment: Environment): TableNames {
  const nameOf = (spec: TableSpec, usual: string): string =>
    environment[spec.variable] ?? `fairlead-${usual}`;
  return {
    keys: nameOf(tables.keys, 'keys'),
    counters: nameOf(tables.counters, 'counters'),
    cache: nameOf(tables.cache, 'cache'),
    usage: nameOf(tables.usage, 'usage'),
  };
}

/** Two stores over one file would each keep their own truth. */
async function lockDirectory(dataDirectory: string): Promise<() => Promise<void>> {
  await mkdir(dataDirectory, { recursive: true });
  const path = join(dataDirectory, 'lock');
  for (const mayRetry of [true, false]) {
    try {
      const file = await open(path, 'wx');
      await file.writeFile(`${process.pid}\n`);
      await file.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      const holder = Number(await readFile(path, 'utf8').catch(() => ''));
      if (!mayRetry || isAlive(holder)) {
        throw new Error(`${dataDirectory} is in use by process ${holder}`);
      }
      // Its process died without tidying up.
      await rm(path, { force: true });
    }
  }
  throw new Error(`${dataDirectory} cannot be locked`);
}

function isAlive(processId: number): boolean {
  if (!Number.isSafeInteger(processId) || processId <= 0 || processId === process.pid) return false;
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
