/** Names that callers and policies choose: however long or strange, a call is answered and paid. */
import { afterEach, expect, test } from 'vitest';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts';
import { policyOf, startGateway, type TestGateway, testPrice } from '../support/gateway.ts';
import { chatScript, messagesScript } from '../support/wire.ts';

let upstream: FakeUpstream;
let gateway: TestGateway;

async function open(format: 'openai' | 'anthropic', more: object = {}): Promise<void> {
  upstream = await startFakeUpstream();
  gateway = await startGateway({ policy: policyOf({ up: { url: upstream.url, format } }, more) });
  upstream.reply(format === 'openai' ? chatScript({}, false) : messagesScript({}, false));
}
afterEach(async () => {
  await gateway.close();
  await upstream.close();
});

const post = (over: object) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}` },
    body: JSON.stringify({
      model: 'test-model',
      messages: [{ role: 'user', content: 'Hi' }],
      max_completion_tokens: 50,
      ...over,
    }),
  });

const fields = (count: number, chars: number) =>
  Object.fromEntries(
    Array.from({ length: count }, (_, index) => [`x${index}_${'y'.repeat(chars)}`, 1]),
  );

test('fields with vast names do not make a call free', async () => {
  await open('anthropic');
  const response = await post({ ...fields(20, 3), ...fields(80, 6_000) });
  expect(response.status).toBe(200);
  await response.text();
  const record = await gateway.record(response.headers.get('x-request-id') ?? '');
  expect(record.dropped.length).toBeGreaterThan(50);
  expect(Math.max(...record.dropped.map((name) => name.length))).toBeLessThanOrEqual(100);
  const paid = { balance: '99.999982', spent: '0.000018', holds: 0 };
  await expect.poll(() => gateway.account()).toEqual(paid);
});

test('one name of half a megabyte leaves the answer readable', async () => {
  await open('anthropic');
  const response = await post(fields(1, 500_000));
  expect(response.status).toBe(200);
  expect(response.headers.get('x-fairlead-dropped')).toMatch(/^x0_y+$/);
  expect(response.headers.get('x-fairlead-dropped')?.length).toBeLessThanOrEqual(100);
  await response.text();
});

test('many names beyond ASCII still make a head of bounded size', async () => {
  await open('anthropic');
  const many = Array.from({ length: 50 }, (_, index) => [`${index}${'モ'.repeat(300)}`, 1]);
  const response = await post(Object.fromEntries(many));
  expect(response.status).toBe(200);
  expect(response.headers.get('x-fairlead-dropped')?.length).toBeLessThanOrEqual(2_000);
  await response.text();
});

test('a model whose name is beyond Latin-1 is answered, and named in percent-encoding', async () => {
  await open('openai', {
    models: {
      モデル: {
        contextTokens: 200_000,
        outputTokensMax: 4_096,
        routes: [{ provider: 'up', model: 'モデル' }],
      },
    },
    prices: { 'up/モデル': testPrice },
  });
  const response = await post({ model: 'モデル' });
  expect(response.status).toBe(200);
  const told = response.headers.get('x-fairlead-model') ?? '';
  expect(decodeURIComponent(told)).toBe('モデル');
  await response.text();
});

test('a refusal does not give back a name of half a megabyte, nor a path of kilobytes', async () => {
  await open('openai');
  const vast = 'y'.repeat(500_000);
  const refused = await post({ logit_bias: { [vast]: 'not a number' } });
  expect(refused.status).toBe(400);
  const { error } = (await refused.json()) as { error: { message: string; param: string } };
  expect(error.param).toMatch(/^logit_bias\.y+…$/);
  expect(error.param.length).toBeLessThanOrEqual(200);
  expect(error.message.length).toBeLessThanOrEqual(300);
  const nowhere = await fetch(`${gateway.url}/v1/${'x'.repeat(10_000)}`);
  expect(nowhere.status).toBe(404);
  expect((await nowhere.text()).length).toBeLessThan(500);
});
