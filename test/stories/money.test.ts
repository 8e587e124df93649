import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test } from 'vitest';
import { StoreError } from '../../lambdas/core/accounts.ts';
import { sumUsd, usd, usdText } from '../../lambdas/core/money.ts';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts';
import {
  type GatewaySetting,
  policyOf,
  startGateway,
  type TestGateway,
} from '../support/gateway.ts';
import { chatScript } from '../support/wire.ts';

let upstream: FakeUpstream;
let gateway: TestGateway;

async function open(setting: Omit<GatewaySetting, 'policy'>, price?: object): Promise<void> {
  upstream = await startFakeUpstream();
  const policy = policyOf({ up: { url: upstream.url, format: 'openai' } });
  if (price !== undefined) Object.assign(policy, { prices: { 'up/up-model': price } });
  gateway = await startGateway({ policy, ...setting });
}
afterEach(async () => {
  await gateway.close();
  await upstream.close();
});

const body = (over: object = {}) =>
  JSON.stringify({
    model: 'test-model',
    messages: [{ role: 'user', content: 'Say hello.' }],
    max_completion_tokens: 50,
    ...over,
  });

const post = (over: object = {}) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}` },
    body: body(over),
  });

async function settled(): Promise<Awaited<ReturnType<TestGateway['account']>>> {
  for (let tries = 0; tries < 250; tries += 1) {
    const account = await gateway.account();
    if (account.holds === 0) return account;
    await sleep(20);
  }
  return gateway.account();
}

/** All records of the day, with what each of them charged. */
async function records() {
  const { organisationId, store } = gateway;
  const day = new Date().toISOString().slice(0, 10).replaceAll('-', '');
  const found = [];
  let after: string | undefined;
  do {
    const page = await store.usage.list({ organisationId, day, after });
    found.push(...page.records);
    after = page.next;
  } while (after !== undefined);
  return found;
}

describe('money', () => {
  test('for exactly 100 calls lets exactly 100 of 500 at once go upstream', async () => {
    // A price per call alone makes the hold as large as the cost: nothing comes back meanwhile.
    const free = { input: '0', cachedInput: '0', output: '0' };
    await open({ balance: '0.7' }, { ...free, perRequest: '0.007' });
    upstream.reply((request) =>
      chatScript({ text: 'Hello.' }, (request.json() as { stream?: boolean }).stream === true),
    );
    const statuses = await Promise.all(
      Array.from({ length: 500 }, async (_, index) => {
        const response = await post({ stream: index % 2 === 0 });
        await response.text();
        return response.status;
      }),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(100);
    expect(statuses.filter((status) => status === 402)).toHaveLength(400);
    expect(upstream.requests).toHaveLength(100);
    expect(await settled()).toEqual({ balance: '0', spent: '0.7', holds: 0 });
    const charged = (await records()).map(({ record }) => usd(record.receipt.totalUsd));
    expect(charged).toHaveLength(100);
    expect(usdText(sumUsd(charged))).toBe('0.7');
  }, 60_000);

  test('adds up to the last digit over many calls of odd sizes', async () => {
    await open(
      { balance: '1.000000001' },
      { input: '0.123', cachedInput: '0.0615', output: '7.77' },
    );
    upstream.reply((request) => {
      const { max_tokens: cap } = request.json() as { max_tokens: number };
      return chatScript({ text: 'Hello.', input: 31, output: cap - 1 }, false);
    });
    await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        post({ max_completion_tokens: undefined, max_tokens: 20 + index }).then((r) => r.text()),
      ),
    );
    const account = await settled();
    expect(account.holds).toBe(0);
    const charged = (await records()).map(({ record }) => usd(record.receipt.totalUsd));
    expect(charged).toHaveLength(60);
    expect(usdText(sumUsd(charged))).toBe(account.spent);
    expect(usdText(usd(account.balance).plus(usd(account.spent)))).toBe('1.000000001');
  });

  test('that does not reach for the cap asked for lowers it, and says so', async () => {
    await open({ balance: '0.001' });
    upstream.reply(chatScript({ text: 'Hello.' }, false));
    const response = await post({ max_completion_tokens: 4_000 });
    expect(response.status).toBe(200);
    const cap = Number(response.headers.get('x-fairlead-output-cap'));
    expect(cap).toBeGreaterThan(16);
    expect(cap).toBeLessThan(4_000);
    const sent = upstream.requests[0]?.json() as Record<string, number>;
    expect(sent.max_completion_tokens ?? sent.max_tokens).toBe(cap);
    await settled();
  });

  test('that does not reach is refused where the key says so, in numbers', async () => {
    await open({ balance: '0.001', settings: { overBudget: 'refuse' } });
    const response = await post({ max_completion_tokens: 4_000 });
    expect(response.status).toBe(402);
    const { error } = (await response.json()) as { error: { message: string } };
    expect(error.message).toMatch(/asked for up to 4000 output tokens, and can afford \d+\./);
    expect(await gateway.account()).toEqual({ balance: '0.001', spent: '0', holds: 0 });
    expect(upstream.requests).toHaveLength(0);
  });
});

describe('limits, each of them before the upstream call', () => {
  const cases: [string, Omit<GatewaySetting, 'policy'>, string, number][] = [
    ['requests a minute', { limits: { requestsPerMinute: 2 } }, 'rate_limit_exceeded', 429],
    ['tokens a minute', { limits: { tokensPerMinute: 250 } }, 'token_limit_exceeded', 429],
    ['daily spend', { limits: { dailyUsd: usd('0.0006') } }, 'budget_exceeded', 429],
    ["the organisation's budget", { budget: '0.0006' }, 'budget_exceeded', 429],
  ];
  test.each(cases)('%s', async (_, setting, code, status) => {
    await open({ ...setting, settings: { overBudget: 'refuse' } });
    upstream.reply(chatScript({ text: 'Hello.', input: 100, output: 50 }, false));
    let response = await post();
    expect(response.status).toBe(200);
    for (let calls = 0; calls < 20 && response.status === 200; calls += 1) {
      await response.text();
      await settled();
      response = await post();
    }
    expect(response.status).toBe(status);
    const { error } = (await response.json()) as { error: { code: string; message: string } };
    expect(error.code).toBe(code);
    expect(error.message).toMatch(/left/);
    expect(upstream.requests).toHaveLength(await records().then((found) => found.length));
    await settled();
  });

  test('concurrency: as many calls at once as the key may run, and no more', async () => {
    await open({ limits: { concurrency: 3 } });
    upstream.reply({ ...chatScript({ text: 'Hello.' }, false), delayMs: 300 });
    const statuses = await Promise.all(
      Array.from({ length: 10 }, () => post().then((response) => response.status)),
    );
    expect(statuses.filter((status) => status === 200)).toHaveLength(3);
    expect(statuses.filter((status) => status === 429)).toHaveLength(7);
    await settled();
    expect((await post()).status).toBe(200);
    await settled();
  });

  test('what is left of them is on every answer', async () => {
    await open({ limits: { requestsPerMinute: 10, tokensPerMinute: 10_000 } });
    upstream.reply(chatScript({ text: 'Hello.' }, false));
    const { headers } = await post();
    expect(headers.get('x-ratelimit-limit-requests')).toBe('10');
    expect(headers.get('x-ratelimit-remaining-requests')).toBe('9');
    expect(headers.get('x-ratelimit-reset-requests')).toMatch(/^\d+(\.\d+)?(s|ms)$/);
    expect(Number(headers.get('x-ratelimit-remaining-tokens'))).toBeLessThan(10_000);
    await settled();
  });
});

describe('the store', () => {
  test('is asked once, in parallel, before the upstream is called', async () => {
    const steps: string[] = [];
    await open({
      client: (real) => ({
        ...real,
        async updateItem(input) {
          steps.push('begin');
          const answer = await real.updateItem(input);
          steps.push('end');
          return answer;
        },
        async getItem(input) {
          steps.push('begin');
          const answer = await real.getItem(input);
          steps.push('end');
          return answer;
        },
      }),
    });
    upstream.reply(() => {
      steps.push('upstream');
      return chatScript({ text: 'Hello.' }, false);
    });
    await (await post()).text();
    expect(steps.slice(0, steps.indexOf('upstream'))).toEqual(['begin', 'begin', 'end', 'end']);
    await settled();
  });

  test('that cannot be reached lets nobody in', async () => {
    await open({
      accounts: (real) => ({ ...real, admit: () => Promise.reject(new StoreError('away')) }),
    });
    const response = await post();
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('1');
    expect(upstream.requests).toHaveLength(0);
  });

  test('that fails while settling is asked again, and the charge is made once', async () => {
    let refused = 0;
    await open({
      accounts: (real) => ({
        ...real,
        async settle(request) {
          refused += 1;
          if (refused < 3) {
            if (refused === 2) await real.settle(request);
            throw new StoreError('away');
          }
          return real.settle(request);
        },
      }),
    });
    upstream.reply(chatScript({ text: 'Hello.' }, false));
    await (await post()).text();
    expect(await settled()).toEqual({ balance: '99.999982', spent: '0.000018', holds: 0 });
    expect(gateway.log.join('')).toContain('settle-failed');
  });
});

test('an answer without a usage is never free: its record is unpriced and its hold stays', async () => {
  await open({});
  const { usage: _, ...silent } = JSON.parse(String(chatScript({ text: 'Hello.' }, false).body));
  upstream.reply({ headers: { 'content-type': 'application/json' }, body: JSON.stringify(silent) });
  const response = await post();
  expect(response.status).toBe(200);
  expect(response.headers.get('x-fairlead-cost-usd')).toBeNull();
  const record = await gateway.record(response.headers.get('x-request-id') ?? '');
  expect(record).toMatchObject({ status: 'unpriced', receipt: { basis: 'missing' } });
  const account = await gateway.account();
  expect(account).toMatchObject({ spent: '0', holds: 1 });
  expect(usd(account.balance).lessThan(usd('100'))).toBe(true);
});
