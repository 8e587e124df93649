import { setTimeout as sleep } from 'node:timers/promises';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts';
import { policyOf, startGateway, type TestGateway } from '../support/gateway.ts';
import {
  chatEvents,
  chatScript,
  jsonScript,
  messagesEvents,
  messagesScript,
} from '../support/wire.ts';

const messages = [{ role: 'user' as const, content: 'Say hello.' }];
const chatAsk = { model: 'test-model', messages, max_completion_tokens: 50 };
const sse = { 'content-type': 'text/event-stream' };

let first: FakeUpstream;
let second: FakeUpstream;
let gateway: TestGateway;

beforeEach(async () => {
  first = await startFakeUpstream();
  second = await startFakeUpstream();
  const policy = policyOf({
    first: { url: first.url, format: 'openai' },
    second: { url: second.url, format: 'anthropic' },
  });
  // The first is believed to be far better, so that it is always tried first.
  const models = (policy as { models: Record<string, { routes: object[] }> }).models;
  Object.assign(models['test-model']?.routes[0] ?? {}, {
    prior: { success: 0.99, firstTokenMs: 1, tokensPerSecond: 10_000 },
  });
  gateway = await startGateway({ policy });
});
afterEach(async () => {
  await gateway.close();
  await first.close();
  await second.close();
});

const post = (body: object, headers: Record<string, string> = {}) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, ...headers },
    body: JSON.stringify(body),
  });

/** Settled, and nothing held: what every story must end in. */
async function nothingHeld(): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if ((await gateway.account()).holds === 0) return;
    await sleep(20);
  }
  expect(await gateway.account()).toMatchObject({ holds: 0 });
}

describe('an upstream that dies before its first byte', () => {
  test.each([
    ['refuses', jsonScript(503, { error: { message: 'overloaded' } })],
    ['breaks the connection', { ending: 'cut' as const }],
    ['speaks garbage', { garbage: 'SSH-2.0-OpenSSH_9.6\r\n' }],
    ['answers with a page', { headers: { 'content-type': 'text/html' }, body: '<html></html>' }],
    [
      'says an error inside a stream',
      { headers: sse, chunks: ['data: {"error":{"message":"x"}}\n\n'] },
    ],
    ['ends a stream before it began', { headers: sse, chunks: [': hello\n\n'] }],
    [
      'is at its limit',
      jsonScript(429, { error: { message: 'slow down' } }, { 'retry-after': '9' }),
    ],
    [
      'refuses our credential',
      jsonScript(401, { error: { message: 'bad key sk-abcdefghijklmnop' } }),
    ],
  ])('and %s is noticed by nobody: the next route answers', async (_, script) => {
    first.reply(script);
    second.reply(messagesScript({ text: 'Hello from the second.' }, true));
    const response = await post({ ...chatAsk, stream: true });
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(text).toContain('Hello from');
    expect(text).not.toContain('error');
    expect(response.headers.get('x-fairlead-attempts')).toBe('2');
    expect(response.headers.get('x-fairlead-provider')).toBe('second');
    const record = await gateway.record(response.headers.get('x-request-id') ?? '');
    expect(record.attempts).toMatchObject([
      { outcome: 'failed', decision: expect.stringContaining('next-leg') },
      { outcome: 'answered' },
    ]);
    expect(record.receipt.totalUsd).toBe('0.000018');
    await nothingHeld();
  });

  test('with no other route, the caller reads one error that tells its SDK to stop', async () => {
    first.reply(jsonScript(500, { error: { message: 'boom' } }));
    second.reply(jsonScript(529, { type: 'error', error: { type: 'overloaded_error' } }));
    const client = new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1` });
    await expect(client.chat.completions.create(chatAsk)).rejects.toMatchObject({ status: 502 });
    // Three attempts of ours, and none that the SDK added to them.
    expect(first.requests.length + second.requests.length).toBe(3);
    await nothingHeld();
    expect(await gateway.account()).toMatchObject({ spent: '0', balance: '100' });
  });

  test("the provider's 401 is never the caller's own, and its words do not leak a key", async () => {
    const refusal = jsonScript(401, { error: { message: 'bad key sk-abcdefghijklmnop1234' } });
    first.reply(refusal);
    second.reply(refusal);
    const response = await post(chatAsk);
    expect(response.status).toBe(502);
    const text = await response.text();
    expect(text).toContain('upstream_credential_rejected');
    expect(text).not.toContain('sk-abc');
    await nothingHeld();
  });

  test("what the upstream says of the request itself is the caller's to read, at once", async () => {
    first.reply(jsonScript(400, { error: { message: 'messages: too many', param: 'messages' } }));
    const response = await post(chatAsk);
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ error: { message: 'messages: too many' } });
    expect(second.requests).toHaveLength(0);
    await nothingHeld();
  });
});

describe('an upstream that dies after its first byte', () => {
  const cut = { headers: sse, ending: 'cut' as const };
  const half = () => chatEvents({ text: 'Half of an answer' }).slice(0, 2);

  test('ends in one error event that the client of the same format raises', async () => {
    first.reply({ ...cut, chunks: half() });
    const client = new OpenAI({ apiKey: gateway.key, baseURL: `${gateway.url}/v1`, maxRetries: 0 });
    const { data, response } = await client.chat.completions
      .create({ ...chatAsk, stream: true })
      .withResponse();
    let text = '';
    const reading = async () => {
      for await (const chunk of data) text += chunk.choices[0]?.delta.content ?? '';
    };
    await expect(reading()).rejects.toThrow(/broke off/);
    expect(text).toBe('Half of a');
    expect(second.requests).toHaveLength(0);
    const record = await gateway.record(response.headers.get('x-request-id') ?? '');
    expect(record).toMatchObject({ status: 'cut', receipt: { basis: 'delivered' } });
    expect(record.receipt.tokens.output).toBe(3);
    expect((await gateway.account()).spent).toBe(record.receipt.totalUsd);
    await nothingHeld();
  });

  test('ends in one error event that the client of another format raises', async () => {
    first.reply({ ...cut, chunks: half() });
    const client = new Anthropic({ apiKey: gateway.key, baseURL: gateway.url, maxRetries: 0 });
    const stream = client.messages.stream({ model: 'test-model', messages, max_tokens: 50 });
    await expect(stream.finalMessage()).rejects.toThrow(/broke off/);
    await nothingHeld();
    expect(Number((await gateway.account()).spent)).toBeGreaterThan(0);
  });

  test('is not glued to half an event of the upstream', async () => {
    const events = chatEvents({ text: 'Half of an answer' });
    first.reply({ ...cut, chunks: [events[0] ?? '', events[1] ?? '', 'data: {"id":"chatc'] });
    const text = await (await post({ ...chatAsk, stream: true })).text();
    const lines = text.split('\n').filter((line) => line.startsWith('data:'));
    for (const line of lines) expect(() => JSON.parse(line.slice(5))).not.toThrow();
    expect(lines.filter((line) => line.includes('"error"')).length).toBeGreaterThan(0);
    await nothingHeld();
  });

  test('a stream that ends without saying so is one that was cut', async () => {
    first.reply({ headers: sse, chunks: half() });
    const text = await (await post({ ...chatAsk, stream: true })).text();
    expect(text.match(/upstream_failed|broke off/g)?.length).toBeGreaterThan(0);
    await nothingHeld();
  });
});

describe('a caller that leaves', () => {
  test('has the upstream stopped, and pays for what was delivered', async () => {
    const chunks = chatEvents({ text: 'a long answer' }).slice(0, 2);
    first.reply({ headers: sse, chunks, gapMs: 5, ending: 'stall' });
    const leaving = new AbortController();
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.key}` },
      body: JSON.stringify({ ...chatAsk, stream: true }),
      signal: leaving.signal,
    });
    const reader = response.body?.getReader();
    await reader?.read();
    leaving.abort();
    await first.requests[0]?.left;
    const record = await gateway.record(response.headers.get('x-request-id') ?? '');
    expect(record).toMatchObject({ status: 'cut', receipt: { basis: 'delivered' } });
    await nothingHeld();
  });

  test('before any answer has the upstream stopped, and pays nothing', async () => {
    first.reply({ delayMs: 60_000, body: '{}' });
    const leaving = new AbortController();
    const asking = fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gateway.key}` },
      body: JSON.stringify(chatAsk),
      signal: leaving.signal,
    }).catch(() => 'left');
    while (first.requests.length === 0) await sleep(5);
    leaving.abort();
    expect(await asking).toBe('left');
    await first.requests[0]?.left;
    await nothingHeld();
    expect(await gateway.account()).toMatchObject({ spent: '0' });
    expect(second.requests).toHaveLength(0);
  });
});

test('an answer in time is all a caller with a deadline waits for', async () => {
  first.reply({ delayMs: 60_000, body: '{}' });
  const started = Date.now();
  const response = await post(chatAsk, { 'x-fairlead-timeout-ms': '300' });
  expect(response.status).toBe(504);
  expect(Date.now() - started).toBeLessThan(3_000);
  await nothingHeld();
});

test('a stream asked of an upstream that answers whole is a stream all the same', async () => {
  first.reply(chatScript({ text: 'All at once.' }, false));
  const response = await post({ ...chatAsk, stream: true });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  expect(await response.text()).toContain('All at once.');
  await nothingHeld();
});

test('a whole answer asked of an upstream that streams is whole all the same', async () => {
  first.reply({ headers: sse, chunks: chatEvents({ text: 'Bit by bit.' }) });
  const response = await post(chatAsk);
  expect(await response.json()).toMatchObject({
    choices: [{ message: { content: 'Bit by bit.' } }],
  });
  await nothingHeld();
});

test('the other format in mid-stream faults: an error event of the upstream is passed on once', async () => {
  const overloaded = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
  first.reply(jsonScript(503, {}));
  const chunks = messagesEvents({ text: 'Half of it' }).slice(0, 3);
  second.reply({
    headers: sse,
    chunks: [...chunks, `event: error\ndata: ${JSON.stringify(overloaded)}\n\n`],
  });
  const text = await (await post({ ...chatAsk, stream: true })).text();
  expect(text.match(/"error":\{/g)).toHaveLength(1);
  await nothingHeld();
});
