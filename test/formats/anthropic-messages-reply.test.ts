import { describe, expect, test } from 'vitest';
import type { Piece } from '../../lambdas/core/piece.ts';
import { anthropicMessages } from '../../lambdas/formats/anthropic-messages.ts';
import type { ReplyContext } from '../../lambdas/formats/format.ts';
import { writeSse } from '../../lambdas/formats/sse.ts';
import { anthropicClient } from '../support/sdk-clients.ts';

const context: ReplyContext = { callId: 'c1', model: 'm', createdAt: 0, usageFrame: true };

function read(...events: Record<string, unknown>[]): Piece[] {
  const reader = anthropicMessages.readPieces({});
  const pieces = events.flatMap((event) => reader.push({ data: JSON.stringify(event) }));
  return [...pieces, ...reader.end()];
}

function written(pieces: Piece[], given = context) {
  const writer = anthropicMessages.writePieces(given);
  return [...pieces.flatMap((piece) => writer.push(piece)), ...writer.end()];
}

const start = (usage = {}) => ({ type: 'message_start', message: { id: 'm1', model: 'x', usage } });
const block = (index: number, content_block: unknown) => ({
  type: 'content_block_start',
  index,
  content_block,
});
const delta = (index: number, delta: unknown) => ({ type: 'content_block_delta', index, delta });
const stop = (index: number) => ({ type: 'content_block_stop', index });
const end = (usage = {}, stop_reason = 'end_turn') => [
  { type: 'message_delta', delta: { stop_reason }, usage },
  { type: 'message_stop' },
];
const usageOf = (pieces: Piece[]) => pieces.find((piece) => piece.type === 'usage')?.usage;

describe('usage in a stream', () => {
  test('is told once, the last report winning field by field', () => {
    const first = {
      input_tokens: 10,
      output_tokens: 1,
      cache_read_input_tokens: 5,
      cache_creation: { ephemeral_5m_input_tokens: 20, ephemeral_1h_input_tokens: 3 },
    };
    const last = {
      input_tokens: 12,
      output_tokens: 40,
      cache_read_input_tokens: null,
      cache_creation_input_tokens: 100,
      output_tokens_details: { thinking_tokens: 7 },
      server_tool_use: { web_search_requests: 2, web_fetch_requests: 0 },
    };
    const pieces = read(start(first), ...end(last));
    expect(pieces.filter(({ type }) => type === 'usage')).toHaveLength(1);
    expect(usageOf(pieces)).toMatchObject({
      tokens: { input: 12, cachedInput: 5, cacheWrite5m: 97, cacheWrite1h: 3, output: 40 },
      reasoning: 7,
      requests: { webSearch: 2, webFetch: 0 },
    });
  });

  test('that is not reported stays unreported', () => {
    expect(usageOf(read(start(), ...end()))).toBeUndefined();
    expect(usageOf(read(start(), ...end({ output_tokens: 0 })))?.tokens).toEqual({ output: 0 });
  });

  test('of a stream that was cut is what its beginning reported', () => {
    const pieces = read(start({ input_tokens: 9, output_tokens: 1 }), block(0, { type: 'text' }));
    expect(usageOf(pieces)?.tokens).toEqual({ input: 9, output: 1 });
    expect(pieces.at(-1)).toMatchObject({ reason: 'error', problem: { code: 'upstream_failed' } });
  });
});

describe('a stream as it arrives', () => {
  test('gathers what only its own vendor understands, input and all', () => {
    const search = { type: 'server_tool_use', id: 's1', name: 'web_search', input: {} };
    const pieces = read(
      start(),
      block(0, search),
      delta(0, { type: 'input_json_delta', partial_json: '{"query":' }),
      delta(0, { type: 'input_json_delta', partial_json: '"rain"}' }),
      stop(0),
      block(1, { type: 'compaction', content: null }),
      delta(1, { type: 'compaction_delta', content: 'In short.' }),
      stop(1),
      ...end(),
    );
    expect(pieces.flatMap((piece) => (piece.type === 'opaque' ? [piece.value] : []))).toEqual([
      { ...search, input: { query: 'rain' } },
      { type: 'compaction', content: 'In short.' },
    ]);
  });

  test('survives pings, unknown events and deltas, and a second beginning', () => {
    const pieces = read(
      start(),
      { type: 'ping' },
      start(),
      { type: 'from_the_future' },
      block(0, { type: 'text', text: '' }),
      delta(0, { type: 'text_delta', text: 'Hi' }),
      delta(0, { type: 'mood_delta', mood: 'good' }),
      delta(7, { type: 'text_delta', text: 'to a block that never began' }),
      ...end(),
    );
    expect(pieces.map(({ type }) => type)).toEqual(['reply-start', 'text-delta', 'reply-end']);
  });

  test('gives a call without arguments an empty object, and takes input from its beginning', () => {
    const use = (input: unknown) => ({ type: 'tool_use', id: 't', name: 'f', input });
    const [empty, given] = [{}, { a: 1 }].map((input) =>
      read(start(), block(0, use(input)), stop(0), ...end({}, 'tool_use')).flatMap((piece) =>
        piece.type === 'tool-call-delta' ? [piece.text] : [],
      ),
    );
    expect([empty, given]).toEqual([['{}'], ['{"a":1}']]);
  });

  test('reads a message that came whole in its beginning', () => {
    const content = [{ type: 'tool_use', id: 't', name: 'f', input: { a: 1 } }];
    const message = { id: 'm1', model: 'x', content, stop_reason: 'tool_use', usage: {} };
    const pieces = read({ type: 'message_start', message }, { type: 'message_stop' });
    expect(pieces.at(-1)).toEqual({ type: 'reply-end', reason: 'tool-calls' });
    expect(pieces).toContainEqual({ type: 'tool-call-delta', block: 0, text: '{"a":1}' });
  });

  test('that says it is overloaded ends in a problem without the words of the vendor', () => {
    const error = { type: 'overloaded_error', message: 'sk-ant-api03-secret is overloaded' };
    const last = read(start(), { type: 'error', error }).at(-1);
    expect(last).toMatchObject({ reason: 'error', problem: { code: 'upstream_overloaded' } });
    expect(JSON.stringify(last)).not.toContain('secret');
  });
});

describe('a stream as it is written', () => {
  const calls: Piece[] = [
    { type: 'reply-start', id: 'r1' },
    { type: 'text-delta', block: 0, text: 'Looking.' },
    { type: 'tool-call-start', block: 1, id: 'a', name: 'f', kind: 'function' },
    { type: 'tool-call-start', block: 2, id: 'b', name: 'g', kind: 'custom' },
    { type: 'tool-call-delta', block: 1, text: '{"x":' },
    { type: 'tool-call-delta', block: 2, text: 'say "hi"\n' },
    { type: 'tool-call-delta', block: 1, text: '1}' },
    { type: 'tool-call-delta', block: 2, text: 'twice' },
    { type: 'usage', usage: { tokens: { input: 3, cachedInput: 2, output: 4 }, raw: {} } },
    { type: 'reply-end', reason: 'tool-calls' },
  ];

  test('lets calls interleave, in numbered blocks, and the official client gathers them', async () => {
    const events = written(calls);
    const indexes = events
      .map(({ data }) => JSON.parse(data))
      .flatMap(({ type, index }) => (type === 'content_block_start' ? [index] : []));
    expect(indexes).toEqual([0, 1, 2]);
    const told = await anthropicClient.stream({ body: events.map(writeSse).join('') });
    expect(told).toEqual({
      text: 'Looking.',
      reasoning: '',
      calls: [
        { name: 'f', input: { x: 1 } },
        { name: 'g', input: { input: 'say "hi"\ntwice' } },
      ],
      stop: 'tools',
      usage: { input: 5, output: 4 },
    });
  });

  test('says what it cost, streamed and whole', () => {
    const given = { ...context, costUsd: () => '0.00012' };
    const streamed = written(calls, given).find(({ event }) => event === 'message_delta');
    expect(JSON.parse(streamed?.data ?? '').usage.cost_usd).toBe('0.00012');
    const whole = anthropicMessages.writeWhole(calls, given);
    expect(whole).toMatchObject({ usage: { cost_usd: '0.00012' }, stop_reason: 'tool_use' });
  });

  test('that is left without an end gets an error, once', () => {
    const events = written(calls.slice(0, 3));
    expect(events.filter(({ event }) => event === 'error')).toHaveLength(1);
    expect(events.at(-1)?.event).toBe('error');
  });

  test('keeps the seals of its own vendor and no others', () => {
    const sealed = (vendor: string): Piece[] => [
      { type: 'reply-start' },
      { type: 'reasoning-delta', block: 0, text: 'hm' },
      { type: 'reasoning-seal', block: 0, seal: { vendor, kind: 'signature', value: 'S' } },
      { type: 'reasoning-seal', block: 1, seal: { vendor, kind: 'redacted', value: 'R' } },
      { type: 'reply-end', reason: 'stop' },
    ];
    expect(anthropicMessages.writeWhole(sealed('anthropic'), context)).toMatchObject({
      content: [
        { type: 'thinking', thinking: 'hm', signature: 'S' },
        { type: 'redacted_thinking', data: 'R' },
      ],
    });
    expect(anthropicMessages.writeWhole(sealed('another'), context)).toMatchObject({
      content: [{ type: 'thinking', thinking: 'hm', signature: '' }],
    });
  });
});

describe('an error of an upstream', () => {
  const body = (type: string, message: string) => ({ type: 'error', error: { type, message } });

  test.each([
    [400, body('invalid_request_error', 'Your credit balance is too low'), 'credential'],
    [400, body('invalid_request_error', 'max_tokens: too large'), 'caller'],
    [404, body('not_found_error', 'model: x'), 'caller'],
    [429, body('rate_limit_error', 'slow down'), 'capacity'],
    [529, body('overloaded_error', 'Overloaded'), 'health'],
    [502, '<html>Bad gateway</html>', 'health'],
  ])('with status %i is classed by whom it concerns (%#)', (status, said, wanted) => {
    expect(anthropicMessages.readError(status, {}, said).class).toBe(wanted);
  });
});
