/** What we write as Chat Completions is what the vendor's own client reads. */
import OpenAI, { APIError } from 'openai';
import { describe, expect, test } from 'vitest';
import type { Piece } from '../../lambdas/core/piece.ts';
import { problem } from '../../lambdas/core/problem.ts';
import type { ReplyContext, StreamEvent } from '../../lambdas/formats/format.ts';
import { openaiChat } from '../../lambdas/formats/openai-chat.ts';
import { writeSse } from '../../lambdas/formats/sse.ts';

const context: ReplyContext = {
  callId: 'call-id',
  model: 'asked-model',
  createdAt: 1_700_000_000,
  usageFrame: true,
  costUsd: () => '0.000123',
};
const question = [{ role: 'user' as const, content: 'hi' }];

/** The vendor's client, with our answer where the network would be. */
function client(status: number, type: string, body: string): OpenAI {
  const answer = async () => new Response(body, { status, headers: { 'content-type': type } });
  return new OpenAI({
    apiKey: 'none',
    baseURL: 'http://127.0.0.1:9/v1',
    fetch: answer,
    maxRetries: 0,
  });
}

function streaming(events: StreamEvent[]): OpenAI {
  return client(200, 'text/event-stream', events.map(writeSse).join(''));
}

function written(pieces: readonly Piece[]): StreamEvent[] {
  const writer = openaiChat.writePieces(context);
  return [...pieces.flatMap((piece) => writer.push(piece)), ...writer.end()];
}

const reply: Piece[] = [
  { type: 'reply-start', id: 'reply-1', model: 'answering-model', createdAt: 7 },
  { type: 'reasoning-delta', block: 0, text: 'Hm' },
  { type: 'text-delta', block: 1, text: 'First. ' },
  { type: 'text-delta', block: 2, text: 'Second.' },
  {
    type: 'citation',
    block: 2,
    citation: { kind: 'url', url: 'https://a.example', title: 'A', start: 0, end: 7 },
  },
  { type: 'tool-call-start', block: 3, id: 'a', name: 'now', kind: 'function' },
  { type: 'tool-call-start', block: 4, id: 'b', name: 'add', kind: 'function' },
  { type: 'tool-call-delta', block: 4, text: '{"x":1}' },
  {
    type: 'usage',
    usage: { tokens: { input: 10, cachedInput: 30, output: 5 }, reasoning: 2, raw: {} },
  },
  { type: 'reply-end', reason: 'tool-calls' },
];

const calls = [
  { id: 'a', type: 'function', function: { name: 'now', arguments: '{}' } },
  { id: 'b', type: 'function', function: { name: 'add', arguments: '{"x":1}' } },
];
const usage = {
  prompt_tokens: 40,
  completion_tokens: 5,
  total_tokens: 45,
  prompt_tokens_details: { cached_tokens: 30 },
  completion_tokens_details: { reasoning_tokens: 2 },
  cost: 0.000123,
  cost_usd: '0.000123',
};

describe("the vendor's client", () => {
  test('puts our stream together to a whole reply', async () => {
    const stream = streaming(written(reply)).chat.completions.stream({
      model: 'm',
      messages: question,
    });
    const completion = await stream.finalChatCompletion();
    expect(completion).toMatchObject({
      id: 'reply-1',
      model: 'answering-model',
      created: 7,
      usage,
    });
    expect(completion.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: { role: 'assistant', content: 'First. Second.', tool_calls: calls },
    });
  });

  test('reads our whole reply, with offsets counted over the whole text', async () => {
    const body = JSON.stringify(openaiChat.writeWhole(reply, context));
    const completion = await client(200, 'application/json', body).chat.completions.create({
      model: 'm',
      messages: question,
    });
    expect(completion).toMatchObject({ object: 'chat.completion', id: 'reply-1', usage });
    expect(completion.choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      logprobs: null,
      message: {
        content: 'First. Second.',
        refusal: null,
        reasoning_content: 'Hm',
        tool_calls: calls,
        annotations: [
          {
            type: 'url_citation',
            url_citation: { url: 'https://a.example', title: 'A', start_index: 7, end_index: 14 },
          },
        ],
      },
    });
  });

  test('sees a usage frame only where it asked for one, last before the end', () => {
    const last = written(reply).slice(-2);
    expect(JSON.parse(last[0]?.data ?? '')).toMatchObject({ choices: [], usage });
    expect(last[1]).toEqual({ data: '[DONE]' });
    const writer = openaiChat.writePieces({ ...context, usageFrame: false });
    const events = reply.flatMap((piece) => writer.push(piece));
    expect(events.some((event) => event.data.includes('prompt_tokens'))).toBe(false);
  });

  test('raises our error where a stream breaks off', async () => {
    const failed = problem('upstream_failed', 'It broke off.');
    const events = written([
      ...reply.slice(0, 3),
      { type: 'reply-end', reason: 'error', problem: failed },
    ]);
    const stream = await streaming(events).chat.completions.create({
      model: 'm',
      messages: question,
      stream: true,
    });
    const finishes: unknown[] = [];
    const reading = (async () => {
      for await (const chunk of stream) finishes.push(chunk.choices[0]?.finish_reason);
    })();
    await expect(reading).rejects.toThrow(APIError);
    await expect(reading).rejects.toMatchObject({ code: 'upstream_failed', type: 'server_error' });
    expect(finishes.at(-1)).toBe('error');
  });

  test.each([
    ['invalid_key', 401, 'invalid_api_key', 'invalid_request_error'],
    ['rate_limit_exceeded', 429, 'rate_limit_exceeded', 'requests'],
    ['insufficient_balance', 402, 'insufficient_balance', 'insufficient_quota'],
    ['upstream_failed', 502, 'upstream_failed', 'server_error'],
  ] as const)('raises %s as an error of status %i', async (ours, status, code, type) => {
    const body = JSON.stringify(openaiChat.writeError(problem(ours, 'Why.', { param: 'p' }), 'id'));
    const asked = client(status, 'application/json', body).chat.completions.create({
      model: 'm',
      messages: question,
    });
    await expect(asked).rejects.toMatchObject({ status, code, type, param: 'p' });
  });
});
