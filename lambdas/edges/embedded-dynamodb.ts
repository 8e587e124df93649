/** A DynamoDB of our own on this machine: starts it, creates the tables, ends it with us. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import net from 'node:net';
import { dirname, join } from 'node:path';
import { StoreError } from '../core/accounts.ts';
import { type TableNames, type TableSpec, tables, variables } from '../core/settings.ts';
import type { DynamoClient } from './dynamo/client.ts';

export type EmbeddedDynamo = {
  endpoint: string;
  /** The server's own process, for reports of what it uses. */
  processId: number;
  stop(): Promise<void>;
};

export type EmbeddedOptions = {
  /** Where the data outlives the process; in memory where absent. */
  dataDirectory?: string;
};

const startTriesMax = 3;
const startWaitMs = 5_000;
const pollMs = 10;

/** Starts the server on a free loopback port and resolves once it answers. */
export async function startEmbeddedDynamo(options: EmbeddedOptions = {}): Promise<EmbeddedDynamo> {
  const program = findProgram();
  const flags: string[] = [];
  if (options.dataDirectory !== undefined) {
    mkdirSync(options.dataDirectory, { recursive: true });
    flags.push('--db-path', join(options.dataDirectory, 'store.sqlite'));
  }
  let last: unknown;
  for (let tries = 0; tries < startTriesMax; tries++) {
    const port = await freePort();
    try {
      return await launch(program, ['--host', '127.0.0.1', '--port', String(port), ...flags], port);
    } catch (error) {
      last = error;
    }
  }
  throw new StoreError('the embedded DynamoDB did not start', { cause: last });
}

/** The native server for this machine, or a sentence on what to do without one. */
function findProgram(): string {
  const name = `@dynoxide/${process.platform}-${process.arch}`;
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`);
    const file = process.platform === 'win32' ? 'dynoxide.exe' : 'dynoxide';
    return join(dirname(manifest), file);
  } catch (error) {
    throw new StoreError(
      `No DynamoDB to work with: the package ${name} is not installed. Either run ` +
        `"npm install --no-save ${name}", or start any DynamoDB-compatible server and set ` +
        `${variables.dynamodbEndpoint} to its address, such as http://127.0.0.1:8000.`,
      { cause: error },
    );
  }
}

/**
 * The server must not outlive us, even when we are killed without a word. Our end of its input
 * closes with us; a shell beside it waits for that and then kills it.
 */
const watchedLaunch =
  'exec 3<&0; (cat <&3 >/dev/null 2>&1; kill -9 $$ 2>/dev/null) >/dev/null 2>&1 & ' +
  'exec "$0" "$@" </dev/null 3<&-';

async function launch(program: string, flags: string[], port: number): Promise<EmbeddedDynamo> {
  const server =
    process.platform === 'win32'
      ? spawn(program, flags, { stdio: ['pipe', 'ignore', 'ignore'] })
      : spawn('/bin/sh', ['-c', watchedLaunch, program, ...flags], {
          stdio: ['pipe', 'ignore', 'ignore'],
          // In a group of its own: a terminal's Ctrl-C is for us, and calls in flight still settle.
          detached: true,
        });
  const ended = new Promise<void>((resolve) => {
    server.once('exit', () => {
      server.stdin?.destroy();
      resolve();
    });
    server.once('error', () => resolve());
  });
  server.stdin?.on('error', () => {});
  const kill = (): void => void server.kill('SIGKILL');
  process.once('exit', kill);
  const stop = async (): Promise<void> => {
    process.removeListener('exit', kill);
    server.kill('SIGTERM');
    const timer = setTimeout(kill, 1_000);
    await ended;
    clearTimeout(timer);
  };
  try {
    await untilAnswering(server, port);
  } catch (error) {
    kill();
    throw error;
  }
  server.unref();
  return { endpoint: `http://127.0.0.1:${port}`, processId: server.pid ?? 0, stop };
}

async function untilAnswering(server: ChildProcess, port: number): Promise<void> {
  const giveUpAt = Date.now() + startWaitMs;
  while (Date.now() < giveUpAt) {
    if (server.exitCode !== null) throw new StoreError('the embedded DynamoDB ended at once');
    if (await connects(port)) return;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new StoreError('the embedded DynamoDB does not answer');
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const listener = net.createServer();
    listener.once('error', reject);
    listener.listen(0, '127.0.0.1', () => {
      const address = listener.address();
      const port = address !== null && typeof address === 'object' ? address.port : 0;
      listener.close(() => resolve(port));
    });
  });
}

/** Creates the tables that are not there yet; safe to repeat. */
export async function createTables(client: DynamoClient, names: TableNames): Promise<void> {
  const specs: [string, TableSpec][] = [
    [names.keys, tables.keys],
    [names.counters, tables.counters],
    [names.cache, tables.cache],
    [names.usage, tables.usage],
  ];
  await Promise.all(specs.map(([name, spec]) => createTable(client, name, spec)));
}

async function createTable(client: DynamoClient, name: string, spec: TableSpec): Promise<void> {
  const attributes = [spec.partitionKey, ...(spec.sortKey === undefined ? [] : [spec.sortKey])];
  const created = await client.createTable({
    TableName: name,
    AttributeDefinitions: attributes.map((attribute) => ({
      AttributeName: attribute,
      AttributeType: 'S',
    })),
    KeySchema: attributes.map((attribute, index) => ({
      AttributeName: attribute,
      KeyType: index === 0 ? 'HASH' : 'RANGE',
    })),
    BillingMode: 'PAY_PER_REQUEST',
  });
  if (!created || spec.expiryAttribute === undefined) return;
  await client.updateTimeToLive({
    TableName: name,
    TimeToLiveSpecification: { AttributeName: spec.expiryAttribute, Enabled: true },
  });
}
