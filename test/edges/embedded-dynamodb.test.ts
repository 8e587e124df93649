/** The embedded server: there when asked for, gone when we are, and its data stays where told. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDynamoClient } from '../../lambdas/edges/dynamo/client.ts';
import { localCredentials } from '../../lambdas/edges/dynamo/credentials.ts';
import { createNodeTransport } from '../../lambdas/edges/dynamo/node-transport.ts';
import { createTables, startEmbeddedDynamo } from '../../lambdas/edges/embedded-dynamodb.ts';

const names = {
  keys: 'the-keys',
  counters: 'the-counters',
  cache: 'the-cache',
  usage: 'the-usage',
};
const item = { pk: { S: 'kept' }, amount: { N: '0.1' } };

function open(endpoint: string) {
  return createDynamoClient({
    transport: createNodeTransport(endpoint),
    endpoint,
    region: 'us-east-1',
    credentials: localCredentials(),
  });
}

const isAlive = (processId: number): boolean => {
  try {
    process.kill(processId, 0);
    return true;
  } catch {
    return false;
  }
};

async function untilGone(processId: number): Promise<boolean> {
  for (let tries = 0; tries < 200 && isAlive(processId); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return !isAlive(processId);
}

describe('the embedded store', () => {
  it('keeps its data where it is told to, through a restart', async () => {
    const dataDirectory = mkdtempSync(join(tmpdir(), 'fairlead-store-'));
    try {
      const first = await startEmbeddedDynamo({ dataDirectory });
      const before = open(first.endpoint);
      await createTables(before, names);
      await before.putItem({ TableName: names.counters, Item: item });
      await before.close();
      await first.stop();
      expect(await untilGone(first.processId)).toBe(true);

      const second = await startEmbeddedDynamo({ dataDirectory });
      const after = open(second.endpoint);
      await createTables(after, names);
      const Key = { pk: { S: 'kept' } };
      expect(await after.getItem({ TableName: names.counters, Key })).toEqual(item);
      await after.close();
      await second.stop();
    } finally {
      rmSync(dataDirectory, { recursive: true, force: true });
    }
  });

  it('does not outlive a parent that is killed without a word', async () => {
    const module = new URL('../../lambdas/edges/embedded-dynamodb.ts', import.meta.url).href;
    const script =
      `const { startEmbeddedDynamo } = await import(${JSON.stringify(module)});` +
      'const server = await startEmbeddedDynamo();' +
      'console.log(server.processId); setInterval(() => {}, 1000);';
    const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const processId = await new Promise<number>((resolve) => {
      parent.stdout.once('data', (chunk: Buffer) => resolve(Number(chunk.toString())));
    });
    expect(isAlive(processId)).toBe(true);
    parent.kill('SIGKILL');
    expect(await untilGone(processId)).toBe(true);
  });

  it('says what to do where there is no server for the machine', async () => {
    const platform = Object.getOwnPropertyDescriptor(process, 'platform');
    Object.defineProperty(process, 'platform', { value: 'plan9' });
    try {
      await expect(startEmbeddedDynamo()).rejects.toThrow(
        /npm install .*plan9.*DYNAMODB_ENDPOINT/s,
      );
    } finally {
      if (platform !== undefined) Object.defineProperty(process, 'platform', platform);
    }
  });
});
