/** Replies of servers that speak Chat Completions almost: their ways, read into pieces. */
import { describe, expect, test } from 'vitest';
import type { Piece } from '../../lambdas/core/piece.ts';
import type { Quirks } from '../../lambdas/core/policy.ts';
import { UnreadableReply } from '../../lambdas/formats/format.ts';
import { openaiChat } from '../../lambdas/formats/openai-chat.ts';
import { grammarBreak } from '../support/grammar.ts';

function heard(chunks: (object | string)[], quirks: Quirks = {}): Piece[] {
  const reader = openaiChat.readPieces(quirks);
  const pieces = chunks.flatMap((chunk) =>
    reader.push({ data: typeof chunk === 'string' ? chunk : JSON.stringify(chunk) }),
  );
  pieces.push(...reader.end());
  expect(grammarBreak(pieces)).toBeUndefined();
  return pieces;
}

const delta = (said: object) => ({ id: 'r', model: 'm', choices: [{ index: 0, delta: said }] });
const stopped = (reason: string, more = {}) => ({
  choices: [{ index: 0, delta: {}, finish_reason: reason, ...more }],
});
const call = (id: string, name: string, index?: number) => ({ id, index, function: { name } });
const more = (text: string, index?: number) => ({ index, function: { arguments: text } });

/** Every call as `name(arguments)`, by its block. */
function callsOf(pieces: readonly Piece[]): string[] {
  return pieces
    .filter((piece) => piece.type === 'tool-call-start')
    .map(({ block, id, name }) => {
      const texts = pieces.filter((one) => one.type === 'tool-call-delta' && one.block === block);
      const given = texts.map((one) => (one.type === 'tool-call-delta' ? one.text : '')).join('');
      return `${id}:${name}(${given})`;
    });
}

describe('a stream', () => {
  test('of thoughts in any of three fields, or among the content, is heard as thoughts', () => {
    const ways = [
      { reasoning_content: 'Hm' },
      { reasoning: 'Hm' },
      { reasoning: 'Hm', reasoning_details: [{ type: 'reasoning.text', text: 'Hm' }] },
      { content: [{ type: 'thinking', thinking: [{ type: 'text', text: 'Hm' }] }] },
    ];
    for (const way of ways) {
      expect(heard([delta(way), delta({ content: 'Yes' }), stopped('stop')])).toEqual([
        { type: 'reply-start', id: 'r', model: 'm' },
        { type: 'reasoning-delta', block: 0, text: 'Hm' },
        { type: 'text-delta', block: 1, text: 'Yes' },
        { type: 'reply-end', reason: 'stop' },
      ]);
    }
  });

  test('of calls that take turns, all numbered 0, or not numbered at all, keeps them apart', () => {
    const apart = ['a:f({})', 'b:g({"x":1})'];
    const ways: object[][] = [
      [call('a', 'f', 0), call('b', 'g', 1), more('{"x"', 1), more('{}', 0), more(':1}', 1)],
      [call('a', 'f', 0), more('{}', 0), call('b', 'g', 0), more('{"x":1}', 0)],
      [call('a', 'f'), more('{}'), call('b', 'g'), more('{"x":1}')],
      [
        { index: 0, id: 'a' },
        more('{}', 0),
        call('a', 'f', 0),
        call('b', 'g', 1),
        more('{"x":1}', 1),
      ],
    ];
    for (const way of ways) {
      const pieces = heard([...way.map((one) => delta({ tool_calls: [one] })), stopped('stop')]);
      expect(callsOf(pieces)).toEqual(apart);
      expect(pieces.at(-1)).toEqual({ type: 'reply-end', reason: 'tool-calls' });
    }
  });

  test('of calls without ids gives them ids of their own', () => {
    const pieces = heard([
      delta({ tool_calls: [call('', 'f'), call('', 'g')] }),
      stopped('tool_calls'),
    ]);
    expect(callsOf(pieces)).toEqual(['call_r_0:f()', 'call_r_1:g()']);
  });

  test('with text between the arguments of a call breaks no block', () => {
    const pieces = heard([
      delta({ tool_calls: [call('a', 'f', 0)] }),
      delta({ content: 'Well' }),
      delta({ tool_calls: [more('{}', 0)] }),
      stopped('tool_calls'),
    ]);
    expect(callsOf(pieces)).toEqual(['a:f({})']);
    expect(pieces.at(-2)).toEqual({ type: 'text-delta', block: 1, text: 'Well' });
  });

  test('reports usage once, the last, wherever it stood', () => {
    const usage = (count: number) => ({ prompt_tokens: 9, completion_tokens: count });
    const ways = [
      [delta({ content: 'a' }), stopped('stop'), { choices: [], usage: usage(7) }, '[DONE]'],
      [
        { ...delta({ content: 'a' }), usage: usage(3) },
        { ...stopped('stop'), usage: usage(7) },
      ],
      [delta({ content: 'a' }), { ...stopped('stop'), x_groq: { usage: usage(7) } }, '[DONE]'],
    ];
    for (const way of ways) {
      const pieces = heard(way);
      expect(pieces.at(-2)).toMatchObject({ type: 'usage', usage: { tokens: { output: 7 } } });
      expect(pieces.filter((piece) => piece.type === 'usage')).toHaveLength(1);
    }
  });

  test('that was cut, or said nothing, ends in a failure of the upstream', () => {
    for (const way of [[delta({ content: 'Hel' })], [], ['[DONE]']]) {
      expect(heard(way).at(-1)).toMatchObject({
        reason: 'error',
        problem: { code: 'upstream_failed' },
      });
    }
  });

  test.each([
    [{ error: { code: 429, message: 'slow down' } }, 'upstream_overloaded'],
    [{ error: { type: 'server_error', message: 'x' } }, 'upstream_failed'],
    [{ error: { code: 'insufficient_quota', message: 'x' } }, 'upstream_credential_rejected'],
    [{ error: { code: 400, message: 'Token limit reached' } }, 'upstream_rejected'],
    [{ ...stopped('error') }, 'upstream_failed'],
    [{ object: 'error', message: 'x', code: 'invalid_request' }, 'upstream_rejected'],
  ])('that breaks off with %j ends in %s', (chunk, code) => {
    expect(heard([delta({ content: 'a' }), chunk, delta({ content: 'b' })]).at(-1)).toMatchObject({
      reason: 'error',
      problem: { code },
    });
  });

  test.each([
    ['length', {}, 'length'],
    ['model_length', {}, 'length'],
    ['content_filter', {}, 'content-filter'],
    ['something_new', {}, 'stop'],
    ['stop', { stop_reason: 'END' }, 'stop-sequence'],
  ])('that finished for %s %j ended for %s', (finish, extra, reason) => {
    const end = heard([delta({ content: 'a' }), stopped(finish, extra)]).at(-1);
    expect(end).toMatchObject({ type: 'reply-end', reason });
  });

  test('of other choices beside the first is heard for the first alone', () => {
    const other = { choices: [{ index: 1, delta: { content: 'No' } }] };
    const pieces = heard([delta({ content: 'Yes' }), other, stopped('stop')]);
    expect(pieces.filter((piece) => piece.type === 'text-delta')).toHaveLength(1);
  });

  test('with sources beside the choices in each chunk cites them once', () => {
    const found = { search_results: [{ url: 'https://a.example', title: 'A' }] };
    const pieces = heard([
      { ...delta({ content: 'a' }), ...found },
      { ...stopped('stop'), ...found },
    ]);
    expect(pieces.filter((piece) => piece.type === 'citation')).toEqual([
      {
        type: 'citation',
        block: 0,
        citation: { kind: 'url', url: 'https://a.example', title: 'A' },
      },
    ]);
  });

  test('that is not JSON is unreadable', () => {
    expect(() => heard(['<html>'])).toThrow(UnreadableReply);
  });
});

function usageOf(block: object, quirks: Quirks = {}) {
  const body = { choices: [{ message: { content: 'a' } }], usage: block };
  const found = openaiChat.readWhole(body, quirks).find((piece) => piece.type === 'usage');
  return { ...found?.usage.tokens, reasoning: found?.usage.reasoning };
}

describe('usage', () => {
  test('takes what was cached, written and spoken out of the prompt', () => {
    const prompt_tokens_details = { cached_tokens: 60, cache_write_tokens: 20, audio_tokens: 5 };
    const completion_tokens_details = { reasoning_tokens: 3, audio_tokens: 2 };
    const block = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 };
    expect(usageOf({ ...block, prompt_tokens_details, completion_tokens_details })).toEqual({
      input: 15,
      cachedInput: 60,
      cacheWrite5m: 20,
      inputAudio: 5,
      output: 8,
      outputAudio: 2,
      reasoning: 3,
    });
  });

  test('tells what was not reported from what was none', () => {
    expect(usageOf({ prompt_tokens: 3, completion_tokens: 0 })).toEqual({
      input: 3,
      output: 0,
      reasoning: undefined,
    });
  });

  test.each([{ cached_tokens: 4 }, { prompt_cache_hit_tokens: 4 }, { cache_read_input_tokens: 4 }])(
    'finds %j where the details are missing',
    (field) => {
      const tokens = usageOf({ prompt_tokens: 9, completion_tokens: 1, ...field });
      expect(tokens).toMatchObject({ input: 5, cachedInput: 4 });
    },
  );

  test('never counts more cached than there was prompt', () => {
    const prompt_tokens_details = { cached_tokens: 314 };
    expect(
      usageOf({ prompt_tokens: 203, completion_tokens: 1, prompt_tokens_details }),
    ).toMatchObject({ input: 0, cachedInput: 203 });
  });

  test('adds reasoning that stands outside the completion, and only then', () => {
    const quirks = { reasoningOutsideOutput: true };
    const block = { prompt_tokens: 741, completion_tokens: 15 };
    const completion_tokens_details = { reasoning_tokens: 110 };
    const outside = { ...block, total_tokens: 866, completion_tokens_details };
    expect(usageOf(outside, quirks)).toMatchObject({ output: 125, reasoning: 110 });
    expect(usageOf({ ...block, total_tokens: 800 }, quirks)).toMatchObject({ output: 59 });
    const inside = { ...outside, completion_tokens: 120, total_tokens: 861 };
    expect(usageOf(inside, quirks)).toMatchObject({ output: 120 });
    expect(usageOf(inside)).toMatchObject({ output: 120, reasoning: 110 });
  });

  test('counts sound that stands beside the prompt, as the total tells', () => {
    const prompt_tokens_details = { audio_tokens: 375, cached_tokens: 0 };
    const block = { prompt_tokens: 9, completion_tokens: 201, total_tokens: 585 };
    expect(usageOf({ ...block, prompt_tokens_details })).toMatchObject({
      input: 9,
      inputAudio: 375,
      output: 201,
    });
  });
});

describe('a whole reply', () => {
  test.each(['text', null, [], {}, { choices: [] }, { choices: 'none' }])(
    'is unreadable when it is %j',
    (body) => {
      expect(() => openaiChat.readWhole(body, {})).toThrow(UnreadableReply);
    },
  );

  test('that holds an error under HTTP 200 ends in it', () => {
    const body = { error: { code: 502, message: 'Upstream sk-abcdefgh12345678 gone' } };
    expect(openaiChat.readWhole(body, {}).at(-1)).toMatchObject({
      reason: 'error',
      problem: { code: 'upstream_failed' },
    });
  });

  test('with a refusal and no text is one', () => {
    const message = { role: 'assistant', content: null, refusal: 'No.' };
    const pieces = openaiChat.readWhole({ choices: [{ message, finish_reason: 'stop' }] }, {});
    expect(pieces).toEqual([
      { type: 'reply-start' },
      { type: 'refusal-delta', block: 0, text: 'No.' },
      { type: 'reply-end', reason: 'refusal' },
    ]);
  });
});
