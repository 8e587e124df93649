/** What the client does when the store is slow, silent, busy or gone. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { StoreError } from '../../../lambdas/core/accounts.ts';
import { createDynamoClient, TransactionFailed } from '../../../lambdas/edges/dynamo/client.ts';
import { environmentCredentials } from '../../../lambdas/edges/dynamo/credentials.ts';
import { createNodeTransport } from '../../../lambdas/edges/dynamo/node-transport.ts';
import { createSocketTransport } from '../../../lambdas/edges/dynamo/socket-transport.ts';

type Answer = { status: number; body: string } | 'hang' | 'cut';
type Heard = { headers: http.IncomingHttpHeaders; body: string };

const servers: http.Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    server.close();
  }
});

/** A store that answers from a script, one line a request; the last line repeats. */
async function scripted(answers: Answer[]) {
  const heard: Heard[] = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => {
      body += chunk.toString();
    });
    request.on('end', () => {
      const answer = answers[Math.min(heard.length, answers.length - 1)] ?? 'cut';
      heard.push({ headers: request.headers, body });
      if (answer === 'hang') return;
      if (answer === 'cut') return void request.socket.destroy();
      response.writeHead(answer.status).end(answer.body);
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { endpoint: `http://127.0.0.1:${port}`, heard };
}

const fault = (type: string, status = 400): Answer => ({
  status,
  body: JSON.stringify({ __type: `com.amazonaws.dynamodb.v20120810#${type}`, message: 'said so' }),
});
const found: Answer = { status: 200, body: '{"Item":{"pk":{"S":"a"}}}' };
const input = { TableName: 'some', Key: { pk: { S: 'a' } } };
const environment = {
  AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
  AWS_SECRET_ACCESS_KEY: 'secret',
  AWS_SESSION_TOKEN: 'token',
};

const transports = { sockets: createSocketTransport, 'node:http': createNodeTransport };

describe.each(Object.entries(transports))('the client over %s', (_name, createTransport) => {
  const open = (endpoint: string) => {
    const credentials = environmentCredentials(environment);
    if (credentials === undefined) throw new Error('no credentials');
    const transport = createTransport(endpoint);
    return createDynamoClient({ transport, endpoint, region: 'eu-west-1', credentials });
  };

  const passing: [string, Answer][] = [
    ['a cut connection', 'cut'],
    ['throttling', fault('ThrottlingException')],
    ['a hot partition', fault('ProvisionedThroughputExceededException')],
    ['a fault of the store', fault('InternalServerError', 500)],
    ['a transaction in the way', fault('TransactionConflictException')],
    ['an answer that is no JSON', { status: 503, body: '<html>' }],
  ];
  it.each(passing)('tries once more after %s', async (_what, answer) => {
    const store = await scripted([answer, found]);
    expect(await open(store.endpoint).getItem(input)).toEqual({ pk: { S: 'a' } });
    expect(store.heard).toHaveLength(2);
  });

  it('gives up with a StoreError after the second failure', async () => {
    const store = await scripted(['cut']);
    await expect(open(store.endpoint).getItem(input)).rejects.toBeInstanceOf(StoreError);
    expect(store.heard).toHaveLength(2);
  });

  it('does not repeat what the store has judged', async () => {
    const store = await scripted([fault('ValidationException')]);
    await expect(open(store.endpoint).getItem(input)).rejects.toThrow(
      'ValidationException said so',
    );
    expect(store.heard).toHaveLength(1);
  });

  it('tells a conflict of transactions, worth another try, from a condition', async () => {
    const cancelled = (code: string): Answer => ({
      status: 400,
      body: JSON.stringify({
        __type: 'x#TransactionCanceledException',
        CancellationReasons: [{ Code: code }, { Code: 'None' }],
      }),
    });
    const busy = await scripted([cancelled('TransactionConflict'), { status: 200, body: '{}' }]);
    await open(busy.endpoint).transactWrite({ TransactItems: [] });
    expect(busy.heard).toHaveLength(2);
    const failed = await scripted([cancelled('ConditionalCheckFailed')]);
    const writing = open(failed.endpoint).transactWrite({ TransactItems: [] });
    await expect(writing).rejects.toBeInstanceOf(TransactionFailed);
    expect(failed.heard).toHaveLength(1);
  });

  it('waits three seconds for an answer, not longer', async () => {
    const store = await scripted(['hang', found]);
    const startedAt = Date.now();
    expect(await open(store.endpoint).getItem(input)).toEqual({ pk: { S: 'a' } });
    expect(Date.now() - startedAt).toBeGreaterThan(2_400);
    expect(Date.now() - startedAt).toBeLessThan(4_600);
  });

  it('fails at once where nothing listens', async () => {
    const reserved = await scripted([]);
    await new Promise((resolve) => servers.pop()?.close(resolve));
    await expect(open(reserved.endpoint).getItem(input)).rejects.toBeInstanceOf(StoreError);
  });
});
