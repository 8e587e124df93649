/** Every recorded answer, replayed by an upstream and asked for through the whole gateway. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inputTokens, outputTokens } from '../../lambdas/core/usage.ts';
import { createSseReader } from '../../lambdas/formats/sse.ts';
import {
  type Exchange,
  exchangesOf,
  formatOf,
  hasCorpus,
  quirksOf,
  Tally,
} from '../support/corpus.ts';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts';
import { startGateway, type TestGateway } from '../support/gateway.ts';

const exchanges = exchangesOf('chat', 'messages').filter(
  ({ response }) => response.status < 300 && ['json', 'sse'].includes(response.kind),
);

/** What cannot pass, by recording and check, each with its reason. */
const known: Record<string, string> = {
  'openai-chat-9d80221439 status': 'a recording of realtime events, which is no chat stream',
  'openai-chat-9d80221439 bytes': 'a recording of realtime events, which is no chat stream',
  'openai-chat-333b0b050b status': 'asks for the priority tier, whose multiplier no price can say',
  'openai-chat-333b0b050b bytes': 'asks for the priority tier, whose multiplier no price can say',
};

const everyClass = {
  ...{ input: '0.001', cachedInput: '0.001', cacheWrite5m: '0.001', cacheWrite1h: '0.001' },
  ...{ inputAudio: '0.001', output: '0.001', outputAudio: '0.001' },
  perPiece: {
    ...{ webSearch: '0.001', webFetch: '0.001', codeExecution: '0.001' },
    // Another model's words, inside the call: its usage does not tell of them.
    advisor: '0.001',
  },
};

let upstream: FakeUpstream;
let gateway: TestGateway;

const providerOf = (exchange: Exchange): string => `${exchange.provider}-${exchange.endpoint}`;

beforeAll(async () => {
  if (!hasCorpus) return;
  upstream = await startFakeUpstream();
  const names = new Map(exchanges.map((exchange) => [providerOf(exchange), exchange]));
  const entries = [...names];
  gateway = await startGateway({
    balance: '1000000',
    policy: {
      providers: Object.fromEntries(
        entries.map(([name, exchange]) => [
          name,
          {
            kind: exchange.endpoint === 'messages' ? 'anthropic' : 'openai-compatible',
            baseUrl: `${upstream.url}/v1`,
            credential: name,
            quirks: quirksOf(exchange.provider),
          },
        ]),
      ),
      models: Object.fromEntries(
        entries.map(([name]) => [
          name,
          { contextTokens: 2_000_000, outputTokensMax: 1_000_000, routes: [name] },
        ]),
      ),
      prices: Object.fromEntries(entries.map(([name]) => [`${name}/${name}`, everyClass])),
    },
  });
});
afterAll(async () => {
  await gateway?.close();
  await upstream?.close();
});

/** What the recording's own request was, or the least that could have brought this answer. */
function askOf(exchange: Exchange): Record<string, unknown> {
  const stream = exchange.response.kind === 'sse';
  const recorded = exchange.request?.body;
  const least = { messages: [{ role: 'user', content: 'Hello' }], max_tokens: 1_000 };
  const body = recorded !== null && typeof recorded === 'object' ? recorded : least;
  // Without its request, a recording that holds a usage frame is taken to have asked for it.
  const asked = body === least && /"choices":\s*\[\],/.test(exchange.response.sse ?? '');
  const options = asked ? { stream_options: { include_usage: true } } : {};
  return { ...body, ...options, model: providerOf(exchange), stream };
}

async function replay(exchange: Exchange) {
  const { response } = exchange;
  const bytes = response.kind === 'sse' ? (response.sse ?? '') : JSON.stringify(response.json);
  const type = response.kind === 'sse' ? 'text/event-stream' : 'application/json';
  upstream.reply({ headers: { 'content-type': type }, body: bytes });
  const path = exchange.endpoint === 'messages' ? '/v1/messages' : '/v1/chat/completions';
  const answer = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { 'x-api-key': gateway.key },
    body: JSON.stringify(askOf(exchange)),
  });
  return { answer, sent: bytes, received: await answer.text() };
}

/** Usage as our reader reads the whole recording, to hold the record against. */
function usageOf(exchange: Exchange) {
  const format = formatOf(exchange);
  const quirks = quirksOf(exchange.provider);
  if (exchange.response.kind === 'json') {
    return format.readWhole(exchange.response.json, quirks).find(isUsage)?.usage;
  }
  const framing = createSseReader();
  const reader = format.readPieces(quirks);
  const events = [...framing.push(Buffer.from(exchange.response.sse ?? '')), ...framing.end()];
  const pieces = [...events.flatMap((event) => reader.push(event)), ...reader.end()];
  return pieces.find(isUsage)?.usage;
}
function isUsage<T extends { type: string }>(piece: T): piece is Extract<T, { type: 'usage' }> {
  return piece.type === 'usage';
}

describe.skipIf(!hasCorpus)('recorded answers through the whole gateway', () => {
  test('pass through byte for byte, and are metered by their own usage', async () => {
    const tally = new Tally(known);
    const counts: Record<string, number> = {};
    for (const exchange of exchanges) {
      const { answer, sent, received } = await replay(exchange);
      tally.add(exchange, 'status', answer.status === 200 ? [] : [`${answer.status} ${received}`]);
      tally.add(exchange, 'bytes', received === sent ? [] : [difference(sent, received)]);
      if (answer.status !== 200) continue;
      const record = await gateway.record(answer.headers.get('x-request-id') ?? '');
      const usage = usageOf(exchange);
      const { basis } = record.receipt;
      const counted = [inputTokens(record.receipt), outputTokens(record.receipt)];
      const told = usage === undefined ? [0, 0] : [inputTokens(usage), outputTokens(usage)];
      // What ends in an error has no final usage to go by, and is estimated by name.
      const expected =
        record.status === 'cut' ? 'delivered' : usage === undefined ? 'missing' : 'upstream';
      const right = basis === expected && (basis === 'delivered' || `${counted}` === `${told}`);
      tally.add(exchange, 'metered', right ? [] : [`${record.status} ${basis} ${counted} ${told}`]);
      counts[basis] = (counts[basis] ?? 0) + 1;
    }
    console.log(tally.table('recorded answers through the whole gateway, same format'));
    console.log('receipts by basis', counts);
    expect(tally.misses).toEqual([]);
    expect(tally.staleKnown).toEqual([]);
    // Two streams are recorded to end in an error; five say nothing of usage, nor were asked to.
    expect(counts).toMatchObject({ delivered: 2, missing: 5 });
  }, 120_000);
});

function difference(sent: string, received: string): string {
  let at = 0;
  while (at < sent.length && sent[at] === received[at]) at += 1;
  const around = (text: string) => JSON.stringify(text.slice(Math.max(0, at - 20), at + 60));
  return `at ${at} of ${sent.length}: ${around(sent)} became ${around(received)}`;
}
