/** Chat Completions requests: what is read, what is refused, what is written for an upstream. */
import { describe, expect, test } from 'vitest';
import { type Problem, ProblemError } from '../../lambdas/core/problem.ts';
import { openaiChat } from '../../lambdas/formats/openai-chat.ts';

const demand = { model: 'their-name', outputTokensMax: 500, quirks: {} };
const question = { role: 'user', content: 'hi' };
const asking = (more: object) => openaiChat.readAsk({ model: 'm', messages: [question], ...more });

function refusal(body: unknown): Problem {
  try {
    openaiChat.readAsk(body);
  } catch (error) {
    if (error instanceof ProblemError) return error.problem;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a request that is wrong', () => {
  const wrong: [object, string, RegExp][] = [
    [{ model: undefined }, 'model', /must be a string/],
    [{ model: '' }, 'model', /must not be empty/],
    [{ messages: [] }, 'messages', /must not be empty/],
    [{ messages: [{ role: 'robot', content: 'x' }] }, 'messages.0.role', /one of "system"/],
    [{ messages: [{ role: 'user' }] }, 'messages.0.content', /string, or a list/],
    [{ messages: [question, { role: 'tool', content: 'x' }] }, 'messages.1.tool_call_id', /string/],
    [
      { messages: [{ role: 'user', content: 4 }] },
      'messages.0.content',
      /a string, or must be an array/,
    ],
    [
      { messages: [{ role: 'user', content: [{ type: 'text' }] }] },
      'messages.0.content.0.text',
      /must be a string/,
    ],
    [
      { messages: [{ role: 'user', content: [{ type: 'file', file: {} }] }] },
      'messages.0.content.0.file',
      /file_id or file_data/,
    ],
    [
      { messages: [{ role: 'assistant', tool_calls: [{ id: 'a', type: 'function' }] }] },
      'messages.0.tool_calls.0.function',
      /an object/,
    ],
    [{ tools: [{ type: 'function', function: {} }] }, 'tools.0.function.name', /a string/],
    [{ tool_choice: 'sometimes' }, 'tool_choice', /one of "auto"/],
    [{ temperature: 'warm' }, 'temperature', /a number/],
    [{ temperature: 3 }, 'temperature', /at most 2/],
    [{ max_tokens: 0 }, 'max_tokens', /at least 1/],
    [{ max_tokens: 1.5 }, 'max_tokens', /a whole number/],
    [{ stop: ['a', 4] }, 'stop.1', /a string/],
    [{ metadata: { team: 4 } }, 'metadata.team', /a string/],
  ];

  test.each(wrong)('%j is refused at %s', (more, param, message) => {
    const problem = refusal({ model: 'm', messages: [question], ...more });
    expect(problem).toMatchObject({ code: 'invalid_request', status: 400, param });
    expect(problem.message).toMatch(message);
  });

  test('is refused without a word of what it said', () => {
    const problem = refusal({ model: 'm', messages: [{ role: 'my secret', content: 'secret' }] });
    expect(problem.message).not.toContain('secret');
  });
});

describe('a request that is read', () => {
  test('takes null for a field that is not there', () => {
    const ask = asking({ temperature: null, tools: null, stop: null, n: null, max_tokens: null });
    expect(ask).toEqual(asking({}));
  });

  test('keeps its images, files and sound, and what it does not know', () => {
    const content = [
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } },
      { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,BBBB' } },
      { type: 'file', file: { file_id: 'file-1' } },
      { type: 'input_audio', input_audio: { data: 'CCCC', format: 'mp3' } },
      { type: 'video_url', video_url: { url: 'https://example.com/a.mp4' } },
    ];
    const ask = asking({ messages: [{ role: 'user', content }] });
    expect(ask.turns[0]?.parts).toEqual([
      {
        type: 'image',
        source: { kind: 'base64', mediaType: 'image/png', data: 'AAAA' },
        detail: 'low',
      },
      { type: 'image', source: { kind: 'url', url: 'https://example.com/a.png' } },
      {
        type: 'file',
        source: { kind: 'base64', mediaType: 'application/pdf', data: 'BBBB' },
        name: 'a.pdf',
      },
      { type: 'file', source: { kind: 'id', vendor: 'openai', id: 'file-1' } },
      { type: 'audio', source: { kind: 'base64', mediaType: 'audio/mp3', data: 'CCCC' } },
      { type: 'opaque', format: 'openai-chat', value: content[5] },
    ]);
    const { body, dropped } = openaiChat.writeAsk(ask, demand);
    expect(body.messages).toEqual([{ role: 'user', content }]);
    expect(dropped).toEqual([]);
  });

  test('understands functions as they were called before there were tools', () => {
    const ask = asking({
      functions: [{ name: 'f', parameters: { type: 'object' } }],
      function_call: { name: 'f' },
      messages: [
        question,
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
        { role: 'function', name: 'f', content: 'done' },
      ],
    });
    expect(ask.toolChoice).toEqual({ type: 'tool', name: 'f' });
    const { body } = openaiChat.writeAsk(ask, demand);
    expect(body).toMatchObject({
      tools: [{ type: 'function', function: { name: 'f' } }],
      messages: [
        {},
        { tool_calls: [{ id: 'call_legacy_0', function: { name: 'f', arguments: '{}' } }] },
        { role: 'tool', tool_call_id: 'call_legacy_0', content: 'done' },
      ],
    });
  });

  test('keeps custom tools, their calls and a choice among allowed ones as they came', () => {
    const more = {
      tools: [{ type: 'custom', custom: { name: 'sql', format: { type: 'text' } } }],
      tool_choice: { type: 'allowed_tools', allowed_tools: { mode: 'auto', tools: [] } },
      messages: [
        question,
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c', type: 'custom', custom: { name: 'sql', input: 'SELECT 1' } }],
        },
        { role: 'tool', tool_call_id: 'c', content: '1' },
      ],
    };
    const { body, dropped } = openaiChat.writeAsk(asking(more), demand);
    expect(body).toMatchObject(more);
    expect(dropped).toEqual([]);
  });

  test('reads how hard to think in either way that callers say it', () => {
    expect(asking({ reasoning_effort: 'high' }).reasoning).toEqual({
      enabled: true,
      effort: 'high',
    });
    expect(asking({ reasoning_effort: 'none' }).reasoning?.enabled).toBe(false);
    expect(asking({ reasoning: { max_tokens: 2_000 } }).reasoning).toEqual({
      enabled: true,
      budgetTokens: 2_000,
    });
  });

  test('reads thoughts with their seals, and gives them back where they are wanted', () => {
    const details = [
      {
        type: 'reasoning.text',
        text: 'Hm',
        signature: 'S',
        format: 'anthropic-claude-v1',
        index: 0,
      },
      { type: 'reasoning.encrypted', data: 'R', format: 'anthropic-claude-v1', index: 1 },
    ];
    const said = { role: 'assistant', content: 'Yes', reasoning: 'Hm', reasoning_details: details };
    const ask = asking({ messages: [question, said, question] });
    expect(ask.turns[1]?.parts.slice(0, 2)).toEqual([
      {
        type: 'reasoning',
        text: 'Hm',
        seal: { vendor: 'anthropic', kind: 'signature', value: 'S' },
      },
      { type: 'reasoning', seal: { vendor: 'anthropic', kind: 'redacted', value: 'R' } },
    ]);
    const written = (reasoningField?: string) =>
      openaiChat.writeAsk(ask, { ...demand, quirks: { reasoningField } });
    expect(written().dropped).toEqual(['messages.1.reasoning']);
    expect(written('reasoning_content').body.messages).toMatchObject([
      {},
      { reasoning_content: 'Hm' },
      {},
    ]);
    expect(written('reasoning_details').body.messages).toMatchObject([
      {},
      { reasoning_details: details },
      {},
    ]);
  });
});

describe('what differs between servers', () => {
  test('the cap goes by the name that the provider has for it', () => {
    expect(openaiChat.writeAsk(asking({}), demand).body.max_completion_tokens).toBe(500);
    const quirks = { outputCapField: 'max_tokens' };
    const { body } = openaiChat.writeAsk(asking({ max_completion_tokens: 9 }), {
      ...demand,
      quirks,
    });
    expect(body).toMatchObject({ max_tokens: 500 });
    expect(body).not.toHaveProperty('max_completion_tokens');
  });

  test('usage is asked for in a stream, unless it comes unasked or not at all', () => {
    const ask = asking({ stream: true });
    const options = (streamUsage?: 'always' | 'never') =>
      openaiChat.writeAsk(ask, { ...demand, quirks: { streamUsage } }).body.stream_options;
    expect(options()).toEqual({ include_usage: true });
    expect(options('always')).toBeUndefined();
    expect(options('never')).toBeUndefined();
    expect(openaiChat.writeAsk(asking({}), demand).body).not.toHaveProperty('stream_options');
  });

  test.each([
    [{}, {}, { max_completion_tokens: 500 }],
    [{ max_tokens: 100 }, {}, {}],
    [{ max_tokens: 900 }, {}, { max_tokens: 500 }],
    [{ max_completion_tokens: 900 }, {}, { max_completion_tokens: 500 }],
    [
      { max_tokens: 100, max_completion_tokens: 900 },
      {},
      { max_completion_tokens: 100, max_tokens: undefined },
    ],
    [
      { max_completion_tokens: 100 },
      { outputCapField: 'max_tokens' },
      { max_tokens: 100, max_completion_tokens: undefined },
    ],
    [{ stream: true }, {}, { max_completion_tokens: 500, stream_options: { include_usage: true } }],
    [
      { stream: true, max_tokens: 1, stream_options: { include_obfuscation: false } },
      {},
      { stream_options: { include_obfuscation: false, include_usage: true } },
    ],
    [{ stream: true, max_tokens: 1, stream_options: { include_usage: true } }, {}, {}],
    [{ max_tokens: 1, seed: 4 }, { unsupported: ['seed'] }, { seed: undefined }],
    [{ max_tokens: 1, provider: { only: ['x'] } }, {}, { provider: undefined }],
  ])('a relayed body with %j under %j is patched with %j', (more, quirks, patch) => {
    const patched = openaiChat.patchAsk(asking(more), { ...demand, quirks });
    expect(patched).toStrictEqual({ model: 'their-name', ...patch });
  });

  test('a frame is ours only if nobody asked for it and it holds nothing but usage', () => {
    const frame = { data: '{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}' };
    const last = { data: '{"choices":[{"index":0,"delta":{}}],"usage":{"prompt_tokens":1}}' };
    const text = { data: '{"choices":[{"delta":{"content":"\\"prompt_tokens\\""}}]}' };
    const unasked = asking({ stream: true });
    const asked = asking({ stream: true, stream_options: { include_usage: true } });
    expect([frame, last, text].map((event) => openaiChat.isOurs(event, unasked))).toEqual([
      true,
      false,
      false,
    ]);
    expect(openaiChat.isOurs(frame, asked)).toBe(false);
    expect(openaiChat.isOurs({ data: '"prompt_tokens" [DONE' }, unasked)).toBe(false);
  });
});
