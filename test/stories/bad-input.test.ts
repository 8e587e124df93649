import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts';
import { policyOf, startGateway, type TestGateway } from '../support/gateway.ts';
import { chatScript } from '../support/wire.ts';

let upstream: FakeUpstream;
let gateway: TestGateway;

beforeAll(async () => {
  upstream = await startFakeUpstream();
  const policy = policyOf({ up: { url: upstream.url, format: 'openai' } });
  Object.assign((policy as { models: object }).models, {
    'unpriced-model': { routes: [{ provider: 'up', model: 'nobody-priced-this' }] },
  });
  gateway = await startGateway({ policy, settings: { models: ['test-model', 'unpriced-model'] } });
});
afterAll(async () => {
  await gateway.close();
  await upstream.close();
});

const paths = { openai: '/v1/chat/completions', anthropic: '/v1/messages' } as const;
type Format = keyof typeof paths;

const ask = { model: 'test-model', max_tokens: 20, messages: [{ role: 'user', content: 'Hi' }] };

async function send(format: Format, body: string | Uint8Array, headers: object = {}) {
  const response = await fetch(gateway.url + paths[format], {
    method: 'POST',
    headers: { 'x-api-key': gateway.key, ...headers },
    body,
  });
  return { response, json: (await response.json()) as Raw };
}
type Raw = {
  type?: string;
  error: { type: string; message: string; code?: string; param?: string };
};

/** The shape that the vendor's clients know. */
function expectShape(format: Format, json: Raw): void {
  expect(json.error.message).toBeTruthy();
  expect(json.error.type).toBeTruthy();
  if (format === 'anthropic') expect(json.type).toBe('error');
}

const bad: [string, string | Uint8Array, number, RegExp][] = [
  ['nothing at all', '', 400, /empty/],
  ['no JSON', '{"model": "test-model", ', 400, /not valid JSON/],
  ['bytes that are no text', new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]), 400, /not valid JSON/],
  ['a list', '[]', 400, /JSON object/],
  ['a number', '5', 400, /JSON object/],
  ['no model', JSON.stringify({ ...ask, model: undefined }), 400, /model/],
  ['a model that is a number', JSON.stringify({ ...ask, model: 5 }), 400, /model/],
  ['no messages', JSON.stringify({ ...ask, messages: undefined }), 400, /messages/],
  ['messages that are text', JSON.stringify({ ...ask, messages: 'Hi' }), 400, /messages/],
  [
    'a message without a role',
    JSON.stringify({ ...ask, messages: [{ content: 'x' }] }),
    400,
    /role/,
  ],
  ['a negative cap', JSON.stringify({ ...ask, max_tokens: -5 }), 400, /max_tokens/],
  ['a cap that is text', JSON.stringify({ ...ask, max_tokens: 'many' }), 400, /max_tokens/],
  [
    'a temperature that is text',
    JSON.stringify({ ...ask, temperature: 'hot' }),
    400,
    /temperature/,
  ],
  ['tools that are no list', JSON.stringify({ ...ask, tools: {} }), 400, /tools/],
  [
    'an unknown model',
    JSON.stringify({ ...ask, model: 'test-modle' }),
    404,
    /Did you mean `test-model`/,
  ],
  ['a model without a price', JSON.stringify({ ...ask, model: 'unpriced-model' }), 400, /price/],
];

describe.each(['openai', 'anthropic'] as const)('to a caller of %s', (format) => {
  test.each(bad)('%s is a clear error', async (_, body, status, says) => {
    const { response, json } = await send(format, body);
    expect(response.status).toBe(status);
    expectShape(format, json);
    expect(json.error.message).toMatch(says);
    expect(response.headers.get('x-request-id')).toMatch(/^call_/);
    expect(response.headers.get('x-should-retry')).toBe('false');
  });

  test('a body of 7 MB is refused, and the connection is in order afterwards', async () => {
    const { response, json } = await send(format, Buffer.alloc(7 * 1024 * 1024, 'a'));
    expect(response.status).toBe(413);
    expectShape(format, json);
    expect((await send(format, '')).response.status).toBe(400);
  });

  const keys: [string, Record<string, string>][] = [
    ['no key', { 'x-api-key': '' }],
    ['a key of someone else', { 'x-api-key': 'sk-proj-abcdefghijklmnopqrstuvwxyz' }],
    ['a key whose last letter is off', { 'x-api-key': 'off' }],
  ];
  test.each(keys)('%s is a 401 that costs no look at the store', async (_, headers) => {
    const off = `${gateway.key.slice(0, -1)}${gateway.key.endsWith('A') ? 'B' : 'A'}`;
    const given = headers['x-api-key'] === 'off' ? { 'x-api-key': off } : headers;
    const { response, json } = await send(format, JSON.stringify(ask), given);
    expect(response.status).toBe(401);
    expectShape(format, json);
    expect(json.error.message).not.toContain(given['x-api-key'] || 'sk-');
  });

  test('an endpoint that is not there, and a method that is not allowed', async () => {
    const elsewhere = await fetch(`${gateway.url}${paths[format]}/nowhere`, { method: 'POST' });
    expect(elsewhere.status).toBe(404);
    expectShape(format, (await elsewhere.json()) as Raw);
    const get = await fetch(gateway.url + paths[format]);
    expect(get.status).toBe(405);
    expect(get.headers.get('allow')).toBe('POST');
    expectShape(format, (await get.json()) as Raw);
  });

  test('a timeout that is no number is a clear error', async () => {
    const { response, json } = await send(format, JSON.stringify(ask), {
      'x-fairlead-timeout-ms': 'soon',
    });
    expect(response.status).toBe(400);
    expect(json.error.message).toContain('x-fairlead-timeout-ms');
  });
});

describe("the vendors' clients raise their own errors", () => {
  const chat = { model: 'test-model', messages: [{ role: 'user' as const, content: 'Hi' }] };
  const options = { maxRetries: 0 };
  const openai = (apiKey: string) =>
    new OpenAI({ apiKey, baseURL: `${gateway.url}/v1`, ...options }).chat.completions;
  const anthropic = (apiKey: string) =>
    new Anthropic({ apiKey, baseURL: gateway.url, ...options }).messages;
  const message = { ...chat, max_tokens: 10 };

  test('401', async () => {
    const wrong = openai('flk_wrong').create(chat);
    await expect(wrong).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    const wrongToo = anthropic('flk_wrong').create(message);
    await expect(wrongToo).rejects.toBeInstanceOf(Anthropic.AuthenticationError);
  });

  test('403 for a model outside the scope of the key', async () => {
    const policy = policyOf({ up: { url: upstream.url, format: 'openai' } });
    const narrow = await startGateway({ policy, settings: { models: ['another'] } });
    const client = new OpenAI({ apiKey: narrow.key, baseURL: `${narrow.url}/v1`, ...options });
    const refused = client.chat.completions.create(chat);
    await expect(refused).rejects.toBeInstanceOf(OpenAI.PermissionDeniedError);
    await narrow.close();
    expect((await narrow.account()).holds).toBe(0);
  });

  test('404', async () => {
    const unknown = openai(gateway.key).create({ ...chat, model: 'nothing-like-it' });
    await expect(unknown).rejects.toBeInstanceOf(OpenAI.NotFoundError);
    const unknownToo = anthropic(gateway.key).create({ ...message, model: 'nothing-like-it' });
    await expect(unknownToo).rejects.toBeInstanceOf(Anthropic.NotFoundError);
  });

  test('402 and 429', async () => {
    upstream.reply(chatScript({ text: 'Hello.' }, false));
    const policy = policyOf({ up: { url: upstream.url, format: 'openai' } });
    const poor = await startGateway({ policy, balance: '0.0000001' });
    const busy = await startGateway({ policy, limits: { requestsPerMinute: 1 } });
    const at = (one: TestGateway) => ({ apiKey: one.key, ...options });
    const poorChat = new OpenAI({ ...at(poor), baseURL: `${poor.url}/v1` }).chat.completions;
    await expect(poorChat.create(chat)).rejects.toMatchObject({ status: 402 });
    const poorMessages = new Anthropic({ ...at(poor), baseURL: poor.url }).messages;
    await expect(poorMessages.create(message)).rejects.toMatchObject({ status: 402 });
    const busyChat = new OpenAI({ ...at(busy), baseURL: `${busy.url}/v1` }).chat.completions;
    await busyChat.create(chat);
    await expect(busyChat.create(chat)).rejects.toBeInstanceOf(OpenAI.RateLimitError);
    const busyMessages = new Anthropic({ ...at(busy), baseURL: busy.url }).messages;
    await expect(busyMessages.create(message)).rejects.toBeInstanceOf(Anthropic.RateLimitError);
    await poor.close();
    await busy.close();
  });
});

test('after all of that nothing is held, nothing was spent, and no prompt or key was logged', async () => {
  expect(await gateway.account()).toEqual({ balance: '100', spent: '0', holds: 0 });
  expect(gateway.log.join('')).not.toMatch(/flk_|"Hi"|test-secret/);
});

test('health is told to anyone, and nothing else with it', async () => {
  const response = await fetch(`${gateway.url}/health`);
  expect(response.status).toBe(200);
  expect(await response.json()).toEqual({ status: 'ok', name: 'fairlead' });
});
