/** Whatever callers and upstreams say, the record of a call fits the item it is kept in. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { startTimeline } from '../../lambdas/core/timeline.ts';
import type { AttemptRecord } from '../../lambdas/core/usage-record.ts';
import { openaiChat } from '../../lambdas/formats/openai-chat.ts';
import { type RecordFacts, recordBytesMax, recordOf } from '../../lambdas/gateway/settle/record.ts';
import type { Leg } from '../../lambdas/gateway/values.ts';

const itemBytesMax = 400 * 1024;
/** The longest that a policy's schema allows: a provider's name, and a model's. */
const routeId = `${'p'.repeat(32)}/${'モ'.repeat(200)}`;
const triesMax = 10;

const hostile = fc
  .tuple(
    fc.constantFrom('a', '"', '\\', '\u0001', 'モ', '\ud800', '😀', '\u2028'),
    fc.constantFrom(1, 90, 150, 5_000, 30_000),
  )
  .map(([unit, times]) => unit.repeat(times));

function factsOf(text: string, names: string[]): RecordFacts {
  const attempt: AttemptRecord = {
    ...{ route: routeId, startedMs: 1, tookMs: 1, outcome: 'failed', status: 500 },
    problem: { class: 'health', code: text },
    decision: 'next-leg: the route failed',
  };
  const score = { price: 1e-17, latency: 1e-17, risk: 1e-17, total: 1e-17 };
  const leg = { route: { id: routeId }, provider: { name: 'p'.repeat(32) }, score } as Leg;
  const inbound = {
    ...{ callId: 'call', receivedAt: 1, format: openaiChat, secret: undefined },
    ...{ headers: {}, body: new Uint8Array() },
  };
  return {
    inbound,
    ask: openaiChat.readAsk({ model: text, messages: [{ role: 'user', content: 'x' }] }),
    hold: { callId: 'call', keyId: 'key', organisationId: 'organisation' } as RecordFacts['hold'],
    policyVersion: 'v'.repeat(200),
    timeline: startTimeline(() => 0),
    httpStatus: 200,
    plan: { legs: Array.from({ length: triesMax }, () => leg) },
    attempts: Array.from({ length: triesMax }, () => attempt),
    leg,
    dropped: names,
    measured: { end: 'complete', answeredBy: text, deliveredBytes: 1 },
  };
}

/** The record of a call in which every text is `text`. */
function recordWith(text: string, names: string[]) {
  return recordOf(factsOf(text, names), {
    ...{ basis: 'missing', lines: [], totalUsd: '0', tokens: {} },
    ...{ raw: JSON.stringify({ text }), because: `there is no price for ${text}` },
  });
}

test('no text of a caller or an upstream makes a record larger than its bound', () => {
  expect(recordBytesMax).toBeLessThan(itemBytesMax / 3);
  fc.assert(
    fc.property(hostile, fc.integer({ min: 1, max: 400 }), (text, count) => {
      const names = Array.from({ length: count }, () => text);
      const record = recordWith(text, names);
      expect(Buffer.byteLength(JSON.stringify(record))).toBeLessThanOrEqual(recordBytesMax);
    }),
    { numRuns: 60 },
  );
});

test('what an upstream calls its error is kept without the keys that stand in it', () => {
  const record = recordWith('bad key sk-abcdefghijklmnop', []);
  expect(record.attempts[0]?.problem?.code).toBe('bad key [removed]');
});

test('a usage block of an ordinary size is kept as it came, and a vast one by its size alone', () => {
  expect(recordWith('x', []).receipt.raw).toBe('{"text":"x"}');
  const vast = recordWith('x'.repeat(20_000), []).receipt.raw;
  expect(vast).toBe('{"omitted":"20011 bytes"}');
});
