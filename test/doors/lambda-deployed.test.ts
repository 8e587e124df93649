/** The gateway as it is deployed: one bundle, AWS's runtime loop, a real store, a paced upstream. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { usdText } from '../../lambdas/core/money.ts';
import { type Bundle, bundleBytesMax, bundleLambda } from '../../lib/bundle.ts';
import { gatewayAccess } from '../../lib/gateway-function.ts';
import { type DeployedGateway, startDeployedGateway } from '../support/deployed-gateway.ts';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts';
import { policyOf } from '../support/gateway.ts';
import { urlEvent, whyNoRuntime } from '../support/lambda-runtime.ts';
import type { Answer } from '../support/lambda-runtime-api.ts';
import { chatScript } from '../support/wire.ts';

const scratch = mkdtempSync(join(tmpdir(), 'fairlead-deployed-'));
const entry = join(import.meta.dirname, '..', '..', 'lambdas', 'doors', 'gateway.lambda.ts');
let bundle: Bundle;
beforeAll(() => {
  bundle = bundleLambda(entry, join(scratch, 'gateway'));
});
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

test('the bundle is one file, small enough to start fast', () => {
  expect(readdirSync(bundle.directory)).toEqual([basename(bundle.file)]);
  expect(bundle.bytes).toBeLessThan(bundleBytesMax);
});

test('starting it leaves out what only its imports would load', () => {
  const watch =
    'globalThis.awslambda = { streamifyResponse: (handler) => handler };' +
    `require(${JSON.stringify(bundle.file)});` +
    'console.log(process.moduleLoadList.join());process.exit(0);';
  const loaded = execFileSync(process.execPath, ['-e', watch], { encoding: 'utf8', env: {} });
  expect(loaded).toContain('NativeModule http');
  expect(loaded).not.toContain('internal/deps/undici');
});

const reason = whyNoRuntime();
const gapMs = 60;

describe.skipIf(reason !== undefined)(`the deployed gateway${reason ? `: ${reason}` : ''}`, () => {
  let upstream: FakeUpstream;
  let gateway: DeployedGateway;

  beforeAll(async () => {
    upstream = await startFakeUpstream();
    const policy = policyOf({ upstream: { url: upstream.url, format: 'openai' } });
    gateway = await startDeployedGateway(bundle.directory, policy);
  });
  beforeEach(() => untilIdle());
  afterAll(async () => {
    await gateway?.close();
    await upstream?.close();
  });

  const untilIdle = () =>
    vi.waitFor(() => expect(gateway.runtime.moments.at(-1)).toBe('next'), { timeout: 5_000 });

  function ask(stream: boolean, headers: Record<string, string> = {}): Promise<Answer> {
    const body = JSON.stringify({
      model: 'test-model',
      stream,
      ...(stream ? { stream_options: { include_usage: true } } : {}),
      max_completion_tokens: 100,
      messages: [{ role: 'user', content: 'Hello?' }],
    });
    const authorization = `Bearer ${gateway.key}`;
    return gateway.runtime.invoke(
      urlEvent('POST', '/v1/chat/completions', { headers: { authorization, ...headers }, body }),
    );
  }

  const text = (answer: Answer): string => answer.chunks.map((chunk) => chunk.text).join('');

  async function accountAfter(act: () => Promise<Answer>) {
    const before = await gateway.store.organisations.account(gateway.organisationId);
    const answer = await act();
    await untilIdle();
    const after = await gateway.store.organisations.account(gateway.organisationId);
    if (before === undefined || after === undefined) throw new Error('the organisation is gone');
    return {
      answer,
      spent: usdText(after.spentUsd.minus(before.spentUsd)),
      holds: after.holds.length,
      callId: answer.prelude.headers?.['x-request-id'] ?? '',
    };
  }

  test('streams an answer as it comes, and has settled it before the next call', async () => {
    upstream.replyOnce({ ...chatScript({ input: 10, output: 4 }, true), gapMs });
    const { answer, spent, holds, callId } = await accountAfter(() => ask(true));
    expect(answer.mode).toBe('streaming');
    expect(answer.prelude.statusCode).toBe(200);
    expect(answer.prelude.headers?.['content-type']).toContain('text/event-stream');
    expect(text(answer)).toMatch(/data: \[DONE\]\n\n$/);
    const [first, last] = [answer.chunks[0], answer.chunks.at(-1)];
    expect(answer.chunks.length).toBeGreaterThan(2);
    expect((last?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(gapMs);
    // Ten tokens at a dollar a million, and four at two.
    expect({ spent, holds }).toEqual({ spent: '0.000018', holds: 0 });
    const stored = await gateway.store.usage.get(gateway.organisationId, callId);
    expect(stored?.record).toMatchObject({ status: 'ok', receipt: { totalUsd: '0.000018' } });
  });

  test('answers whole where that is asked, with the credential that the prefix leads to', async () => {
    upstream.replyOnce(chatScript({ text: 'Whole.', input: 1, output: 1 }, false));
    const { answer, spent } = await accountAfter(() => ask(false));
    expect(JSON.parse(text(answer)).choices[0].message.content).toBe('Whole.');
    expect(spent).toBe('0.000003');
    expect(upstream.requests.at(-1)?.headers.authorization).toBe('Bearer upstream-secret');
  });

  test('says in the stream that an upstream broke off, and gives the hold back', async () => {
    const script = chatScript({}, true);
    upstream.replyOnce({ ...script, chunks: script.chunks?.slice(0, 2) ?? [], ending: 'cut' });
    const { answer, holds } = await accountAfter(() => ask(true));
    expect(answer.prelude.statusCode).toBe(200);
    expect(text(answer)).toContain('"error"');
    expect(answer.trailers['lambda-runtime-function-error-type']).toBeUndefined();
    expect(holds).toBe(0);
  });

  test('refuses a forged key without a call to the store', async () => {
    gateway.storeCalls.clear();
    const answer = await ask(false, { authorization: `Bearer ${gateway.key.slice(0, -2)}AA` });
    expect(answer.prelude.statusCode).toBe(401);
    expect([...gateway.storeCalls].filter((call) => call !== 'keys GetItem')).toEqual([]);
  });

  test('did nothing to the store that its grants do not allow', async () => {
    upstream.replyOnce(chatScript({}, false));
    await accountAfter(() => ask(false));
    const granted = Object.entries(gatewayAccess).flatMap(([table, actions]) =>
      actions.map((action) => `${table} ${action}`),
    );
    expect(granted).toEqual(expect.arrayContaining([...gateway.storeCalls]));
    expect([...gateway.storeCalls]).toEqual(
      expect.arrayContaining(['counters UpdateItem', 'usage PutItem']),
    );
  });

  test('logs one line a call, and neither key, secret nor prompt', async () => {
    const lines = gateway.runtime.output().split('\n');
    expect(lines.filter((line) => line.includes('"event":"call"')).length).toBeGreaterThan(2);
    for (const hidden of [gateway.key, 'upstream-secret', 'Hello?']) {
      expect(gateway.runtime.output()).not.toContain(hidden);
    }
  });
});
