/** `fairlead start --policy`: a file decides whom we call, with which key, and who may call. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { startEmbeddedDynamo } from '../../lambdas/edges/embedded-dynamodb.ts';
import { endAllCommands, runToEnd, startCommand } from '../support/command-line.ts';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts';

const root = mkdtempSync(join(tmpdir(), 'fairlead-policy-'));
const file = join(root, 'policy.yaml');
let upstream: FakeUpstream;

beforeAll(async () => {
  upstream = await startFakeUpstream();
  upstream.reply({
    body: JSON.stringify({
      ...{ id: 'x', object: 'chat.completion', created: 1, model: 'tiny-1' },
      choices: [{ index: 0, message: { role: 'assistant', content: 'hi' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 },
    }),
    headers: { 'content-type': 'application/json' },
  });
});
afterEach(endAllCommands);
afterAll(async () => {
  await upstream.close();
  rmSync(root, { recursive: true, force: true });
});

const policy = (limits: string): string => `
providers:
  own:
    kind: openai-compatible
    baseUrl: ${upstream.url}/v1
    keyVariable: OWN_KEY
models:
  tiny:
    outputTokensMax: 100
    routes:
      - { provider: own, model: tiny-1 }
prices:
  own/tiny-1: { input: "3", output: "7" }
organisations:
  acme:
    balance: "1"
    keys:
      web: { limits: ${limits} }
      batch:
`;

const ask = (gateway: string, key: string) =>
  fetch(`${gateway}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'hello' }] }),
  });

it('calls the provider with the key of its variable, and charges the price of the file', async () => {
  writeFileSync(file, policy('{ requestsPerMinute: 100 }'));
  const running = await startCommand(
    ['--policy', file, '--data', join(root, '1'), '--allow-private-upstreams'],
    { OWN_KEY: 'sk-own-and-secret' },
  );
  const reply = await ask(running.gateway, running.key);
  expect(reply.status).toBe(200);
  const received = upstream.requests.at(-1);
  expect(received?.path).toBe('/v1/chat/completions');
  expect(received?.headers.authorization).toBe('Bearer sk-own-and-secret');
  expect(received?.json()).toMatchObject({ model: 'tiny-1', max_tokens: 100 });
  const admin = { headers: { authorization: `Bearer ${running.adminKey}` } };
  const read = async (path: string) =>
    (await fetch(`${running.admin}/admin/v1/${path}`, admin)).json() as Promise<{
      organisations: { id: string }[];
      spentUsd: string;
    }>;
  const { organisations } = await read('organisations');
  await expect
    .poll(async () => (await read(`organisations/${organisations[0]?.id}`)).spentUsd)
    .toBe('0.000065');
  expect(running.lines.join('\n')).not.toContain('sk-own-and-secret');
});

it('keeps away from private addresses unless it is allowed to go there', async () => {
  writeFileSync(file, policy('{}'));
  const before = upstream.requests.length;
  const running = await startCommand(['--policy', file, '--data', join(root, '2')], {
    ...{ OWN_KEY: 'set', FAIRLEAD_ALLOW_PRIVATE_UPSTREAMS: 'false' },
  });
  expect((await ask(running.gateway, running.key)).status).toBe(502);
  expect(upstream.requests.length).toBe(before);
});

it('takes limits from the file at each start, and keeps the keys', async () => {
  const flags = ['--policy', file, '--data', join(root, '3'), '--allow-private-upstreams'];
  writeFileSync(file, policy('{ requestsPerMinute: 100 }'));
  const first = await startCommand(flags, { OWN_KEY: 'set' });
  expect((await ask(first.gateway, first.key)).status).toBe(200);
  first.interrupt();
  await first.ended;
  writeFileSync(file, policy('{ requestsPerMinute: 1 }'));
  const second = await startCommand(flags, { OWN_KEY: 'set' });
  expect(second.key).toBe(first.key);
  const statuses: number[] = [];
  // Two minutes' windows at most are touched, and each lets one in.
  for (let tries = 0; tries < 4; tries++) {
    statuses.push((await ask(second.gateway, second.key)).status);
  }
  expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(2);
  expect(statuses.at(-1)).toBe(429);
});

it('is told by variables as well, and lists live models where a key is set', async () => {
  const running = await startCommand([], {
    ...{ FAIRLEAD_DATA: join(root, '4'), ANTHROPIC_API_KEY: 'set' },
  });
  const shown = await fetch(`${running.admin}/admin/v1/policy`, {
    headers: { authorization: `Bearer ${running.adminKey}` },
  });
  const { document } = (await shown.json()) as { document: { providers: object } };
  expect(Object.keys(document.providers)).toEqual(['anthropic']);
});

it('uses another DynamoDB where one is given, and says in one line when none answers', async () => {
  const store = await startEmbeddedDynamo();
  const data = join(root, '5');
  const given = { DYNAMODB_ENDPOINT: store.endpoint };
  const running = await startCommand(['--data', data], given);
  expect((await fetch(`${running.gateway}/health`)).status).toBe(200);
  expect(readdirSync(data).sort()).toEqual(['lock', 'signing-secret']);
  running.interrupt();
  await running.ended;
  await store.stop();
  const silent = await runToEnd(['--data', data, '--port', '0'], given);
  expect(silent.code).toBe(1);
  expect(silent.errors).toMatch(/^fairlead: the store at http:\S+ cannot be used: [^\n]+\n$/);
  expect(readdirSync(data)).toEqual(['signing-secret']);
});
