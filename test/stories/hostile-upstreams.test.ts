import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type FakeUpstream, type Script, startFakeUpstream } from '../support/fake-upstream.ts';
import { policyOf, startGateway, type TestGateway } from '../support/gateway.ts';
import { chatEvents, chatWhole, jsonScript, messagesEvents } from '../support/wire.ts';

const messages = [{ role: 'user' as const, content: 'Say hello.' }];
const chatAsk = { model: 'test-model', messages, max_completion_tokens: 50 };
const sse = { 'content-type': 'text/event-stream' };

let upstream: FakeUpstream;
let second: FakeUpstream;
let gateway: TestGateway;

async function open(formats: ('openai' | 'anthropic')[] = ['openai']): Promise<void> {
  upstream = await startFakeUpstream();
  second = await startFakeUpstream();
  const urls = [upstream.url, second.url];
  const policy = policyOf(
    Object.fromEntries(
      formats.map((format, index) => [`up${index}`, { url: urls[index] ?? '', format }]),
    ),
  );
  const models = (policy as { models: Record<string, { routes: object[] }> }).models;
  Object.assign(models['test-model']?.routes[0] ?? {}, {
    prior: { success: 0.99, firstTokenMs: 1, tokensPerSecond: 10_000 },
  });
  gateway = await startGateway({ policy });
}
beforeEach(() => open());
afterEach(async () => {
  await gateway.close();
  await upstream.close();
  await second.close();
});

const post = (body: object, headers: Record<string, string> = {}, signal?: AbortSignal) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gateway.key}`, ...headers },
    body: JSON.stringify(body),
    signal,
  });
const streamed = (script: Script) => {
  upstream.reply({ headers: sse, ...script });
  return post({ ...chatAsk, stream: true });
};
async function recordOf(response: Response) {
  return gateway.record(response.headers.get('x-request-id') ?? '');
}
async function nothingHeld(): Promise<void> {
  for (let tries = 0; tries < 100; tries += 1) {
    if ((await gateway.account()).holds === 0) return;
    await sleep(20);
  }
  expect(await gateway.account()).toMatchObject({ holds: 0 });
}

describe('an event that cannot be read, in a stream that is passed through', () => {
  const [head = '', ...others] = chatEvents({ text: 'Hello there.' });

  test('reaches the caller, and the call is metered by what can be read', async () => {
    const response = await streamed({
      chunks: [head, others[0] ?? '', 'data: not json\n\n', ...others.slice(1)],
    });
    expect(await response.text()).toContain('not json');
    const record = await recordOf(response);
    expect(record).toMatchObject({ status: 'ok', receipt: { basis: 'upstream' } });
    await nothingHeld();
  });

  test('does no harm when the caller leaves', async () => {
    upstream.reply({
      headers: sse,
      chunks: [head, others[0] ?? '', 'data: not json\n\n'],
      ending: 'stall',
    });
    const leaving = new AbortController();
    const response = await post({ ...chatAsk, stream: true }, {}, leaving.signal);
    await response.body?.getReader().read();
    await sleep(50);
    leaving.abort();
    expect(await recordOf(response)).toMatchObject({ status: 'cut' });
    await nothingHeld();
    expect((await fetch(`${gateway.url}/health`)).status).toBe(200);
  });
});

describe('a last event far larger than what is kept of a stream', () => {
  const big = 'x'.repeat(300_000);
  const [head = '', ...others] = chatEvents({ text: big, input: 10, output: 75_000 });
  const inPieces = (text: string) => text.match(/[\s\S]{1,16384}/g) ?? [];
  // Everything after the head in one event: content, finish and usage together.
  const whole = chatWhole({ text: big, input: 10, output: 75_000 });
  const everything = `data: ${JSON.stringify({
    ...{ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', usage: whole.usage },
    choices: [{ index: 0, delta: { content: big }, finish_reason: 'stop' }],
  })}\n\n`;

  test.each([
    ['and its end said', [head, ...inPieces(everything), 'data: [DONE]\n\n']],
    ['and its end not said', [head, ...inPieces(everything)]],
    ['in front of its usage', [head, ...others.flatMap(inPieces)]],
  ])('%s is metered in full', async (_, chunks) => {
    const response = await streamed({ chunks });
    const text = await response.text();
    expect(text).not.toContain('"error"');
    const { receipt } = await recordOf(response);
    expect(receipt).toMatchObject({ basis: 'upstream', tokens: { input: 10, output: 75_000 } });
  });
});

test('line ends of every kind, in long streams, are metered alike', async () => {
  const text = 'word '.repeat(40_000);
  const parts = text.match(/.{1,50}/g) ?? [];
  const [head = '', , , ...ends] = chatEvents({ text: 'x' });
  const events = parts.map((part) => {
    const choices = [{ index: 0, delta: { content: part }, finish_reason: null }];
    return `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices })}\n\n`;
  });
  for (const lineEnd of ['\n', '\r\n', '\r']) {
    const chunks = [head, ...events, ...ends].map((event) => event.replaceAll('\n', lineEnd));
    const response = await streamed({ chunks });
    expect(await response.text()).not.toContain('"error"');
    expect((await recordOf(response)).receipt).toMatchObject({ basis: 'upstream' });
  }
});

describe('an upstream that talks without saying anything', () => {
  const late = { 'x-fairlead-timeout-ms': '400' };
  const comments = Array.from({ length: 100 }, () => ': PROCESSING\n\n');

  test.each([
    ['comments in a stream', { headers: sse, chunks: comments, gapMs: 50 }, true],
    ['blanks before a whole reply', { chunks: comments.map(() => ' '), gapMs: 50 }, false],
    ['comments where no stream was asked', { headers: sse, chunks: comments, gapMs: 50 }, false],
  ])('is given up at the deadline: %s', async (_, script, stream) => {
    upstream.reply(script);
    const started = Date.now();
    const response = await post({ ...chatAsk, stream }, late);
    expect(response.status).toBe(504);
    expect(Date.now() - started).toBeLessThan(3_000);
    await nothingHeld();
    expect(await gateway.account()).toMatchObject({ spent: '0' });
  });
});

describe('an error of the upstream', () => {
  test('keeps its meaning however long it is', async () => {
    const error = { message: 'too many', type: 'invalid_request_error', param: 'x'.repeat(99_000) };
    upstream.reply(jsonScript(400, { error }));
    expect((await post(chatAsk)).status).toBe(400);
    expect(upstream.requests).toHaveLength(1);
  });

  test('keeps its meaning when its body breaks off', async () => {
    upstream.reply({ status: 404, body: '{"error":', ending: 'cut' });
    expect((await post(chatAsk)).status).toBe(404);
    await nothingHeld();
  });

  test("told inside a 200 is the caller's where it concerns the request", async () => {
    await gateway.close();
    await open(['openai', 'openai']);
    const error = { message: 'too long', type: 'invalid_request_error', code: 'context_length' };
    const response = await streamed({ chunks: [`data: ${JSON.stringify({ error })}\n\n`] });
    expect(response.status).toBe(400);
    expect(second.requests).toHaveLength(0);
    await nothingHeld();
  });

  test('that says when to come back outlives a later one that does not', async () => {
    await gateway.close();
    await open(['openai', 'openai']);
    upstream.reply(jsonScript(429, { error: { message: 'slow' } }, { 'retry-after': '7' }));
    second.reply(jsonScript(401, { error: { message: 'bad key' } }));
    const response = await post(chatAsk);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('7');
  });
});

test('a stream under another name is a stream where one was asked for', async () => {
  const chunks = chatEvents({ text: 'Hello there.' });
  upstream.reply({ headers: { 'content-type': 'text/plain' }, chunks });
  const response = await post({ ...chatAsk, stream: true });
  expect(response.status).toBe(200);
  expect(await response.text()).toContain('Hello');
  expect(await recordOf(response)).toMatchObject({ status: 'ok' });
});

test('usage that leaves out the output is no usage', async () => {
  const { usage: _, ...whole } = chatWhole({ text: 'Hello there.' });
  upstream.reply(jsonScript(200, { ...whole, usage: { prompt_tokens: 10 } }));
  const response = await post(chatAsk);
  expect(await recordOf(response)).toMatchObject({ status: 'unpriced' });
});

test('counts that cannot be are no usage either, and the call is settled', async () => {
  const usage = { prompt_tokens: 9_007_199_254_740_991, completion_tokens: 1, total_tokens: 1 };
  upstream.reply(jsonScript(200, { ...chatWhole({}), usage }));
  const response = await post(chatAsk);
  expect(await recordOf(response)).toMatchObject({ status: 'unpriced' });
});

test('a picture in a call that is cut counts as a picture, not as its bytes', async () => {
  const url = `data:image/png;base64,${'A'.repeat(1_000_000)}`;
  upstream.reply({ headers: sse, chunks: chatEvents({}).slice(0, 2), ending: 'cut' });
  const response = await post({
    ...{ ...chatAsk, stream: true },
    messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url } }] }],
  });
  await response.text();
  const { receipt } = await recordOf(response);
  expect(receipt.basis).toBe('delivered');
  expect(receipt.tokens.input).toBeLessThan(3_000);
});

test('several answers that are cut are counted as several', async () => {
  upstream.reply({
    headers: sse,
    chunks: chatEvents({ text: 'y'.repeat(80) }).slice(0, 2),
    ending: 'cut',
  });
  const response = await post({ ...chatAsk, stream: true, n: 4 });
  await response.text();
  expect((await recordOf(response)).receipt.tokens.output).toBe(40);
});

test('a reader who stops has his reply ended while its hold still stands', async () => {
  await gateway.close();
  const policy = policyOf({ up: { url: upstream.url, format: 'anthropic' } });
  // The process is said to end soon, as Lambda says: the reply must have ended before.
  gateway = await startGateway({ policy, processEndsInMs: 11_000 });
  const chunks = messagesEvents({ text: 'slowly '.repeat(10) });
  upstream.reply({ headers: sse, chunks: chunks.slice(0, 4), gapMs: 5, ending: 'stall' });
  const response = await post({ ...chatAsk, stream: true });
  expect(await response.text()).toContain('took longer than a call may');
  expect(await recordOf(response)).toMatchObject({
    status: 'cut',
    receipt: { basis: 'delivered' },
  });
  await nothingHeld();
});
