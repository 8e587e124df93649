/** What a vendor bills beyond plain tokens goes upstream only where the route has a rate for it. */
import { afterEach, describe, expect, test } from 'vitest';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts';
import { policyOf, startGateway, type TestGateway, testPrice } from '../support/gateway.ts';
import { chatScript, messagesScript } from '../support/wire.ts';

type Format = 'openai' | 'anthropic';
const paths = { openai: '/v1/chat/completions', anthropic: '/v1/messages' } as const;
const scripts = { openai: chatScript, anthropic: messagesScript } as const;

let upstream: FakeUpstream;
let gateway: TestGateway;
afterEach(async () => {
  await gateway.close();
  await upstream.close();
});

async function open(format: Format, price: object = {}): Promise<void> {
  upstream = await startFakeUpstream();
  const prices = { 'up/up-model': { ...testPrice, ...price } };
  gateway = await startGateway({
    policy: policyOf({ up: { url: upstream.url, format } }, { prices }),
  });
  upstream.reply(scripts[format]({}, false));
}

async function ask(format: Format, over: object) {
  const response = await fetch(gateway.url + paths[format], {
    method: 'POST',
    headers: { 'x-api-key': gateway.key },
    body: JSON.stringify({
      model: 'test-model',
      messages: [{ role: 'user', content: 'Hi' }],
      max_tokens: 20,
      ...over,
    }),
  });
  type Raw = { error?: { message: string; code?: string; param?: string } };
  return { status: response.status, body: (await response.json()) as Raw };
}

const search = { type: 'web_search_20250305', name: 'web_search' };
const refused: [Format, string, object][] = [
  ['openai', 'service_tier', { service_tier: 'priority' }],
  ['openai', 'web_search_options', { web_search_options: {} }],
  ['openai', 'modalities', { modalities: ['text', 'audio'] }],
  ['openai', 'modalities', { modalities: ['text', 'image'] }],
  ['openai', 'audio', { audio: { voice: 'alloy', format: 'wav' } }],
  ['openai', 'search_parameters', { search_parameters: { mode: 'on' } }],
  ['openai', 'tools.0', { tools: [{ type: 'openrouter:web_search' }] }],
  ['anthropic', 'service_tier', { service_tier: 'priority' }],
  ['anthropic', 'speed', { speed: 'fast' }],
  ['anthropic', 'inference_geo', { inference_geo: 'us' }],
  ['anthropic', 'fallbacks', { fallbacks: [{ model: 'dearer' }] }],
  ['anthropic', 'tools.0', { tools: [{ type: 'advisor_20260301', name: 'advisor' }] }],
];

describe('a route without a rate for it', () => {
  test.each(refused)('in %s is asked for no %s: %j', async (format, param, over) => {
    await open(format);
    const { status, body } = await ask(format, over);
    expect(status).toBe(400);
    expect(body.error?.message).toContain(`has a price for what \`${param}\` asks for`);
    if (format === 'openai') expect(body.error).toMatchObject({ code: 'model_not_priced', param });
    expect(upstream.requests).toHaveLength(0);
    expect(await gateway.account()).toEqual({ balance: '100', spent: '0', holds: 0 });
  });
});

const plain: [Format, object][] = [
  ...['auto', 'default', 'flex', 'on_demand'].map((tier): [Format, object] => [
    'openai',
    { service_tier: tier },
  ]),
  ['openai', { modalities: ['text'] }],
  ['openai', { search_parameters: { mode: 'off' } }],
  ['openai', { tools: [{ type: 'custom', custom: { name: 'shout' } }] }],
  ['anthropic', { service_tier: 'standard_only' }],
  ['anthropic', { speed: 'standard', inference_geo: 'global' }],
  ['anthropic', { tools: [{ type: 'bash_20250124', name: 'bash' }] }],
  ['anthropic', { mcp_servers: [{ type: 'url', name: 'm', url: 'https://mcp.example' }] }],
];

describe('what costs no more than any call', () => {
  test.each(plain)('passes in %s as it was sent: %j', async (format, over) => {
    await open(format);
    expect((await ask(format, over)).status).toBe(200);
    expect(upstream.requests[0]?.json()).toMatchObject(over);
  });
});

describe('a route with a rate for it', () => {
  const priced: [Format, object, object][] = [
    ['openai', { perPiece: { webSearch: '0.01' } }, { web_search_options: {} }],
    ['openai', { outputAudio: '20' }, { modalities: ['text', 'audio'], audio: { voice: 'alloy' } }],
    ['anthropic', { perPiece: { webSearch: '0.01' } }, { tools: [search] }],
  ];
  test.each(priced)('in %s that prices %j takes it', async (format, price, over) => {
    await open(format, price);
    expect((await ask(format, over)).status).toBe(200);
    expect(upstream.requests[0]?.json()).toMatchObject(over);
  });

  test('holds for it: a balance that pays the tokens alone is not enough', async () => {
    await open('openai', { perPiece: { webSearch: '200' } });
    expect((await ask('openai', { web_search_options: {} })).status).toBe(402);
    expect(upstream.requests).toHaveLength(0);
  });
});

test('a route whose format cannot say it serves without it, and names what it left out', async () => {
  await open('anthropic');
  expect((await ask('openai', { web_search_options: {} })).status).toBe(200);
  expect(upstream.requests[0]?.json()).not.toHaveProperty('web_search_options');
});
