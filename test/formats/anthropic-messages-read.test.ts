import { describe, expect, test } from 'vitest';
import { ProblemError } from '../../lambdas/core/problem.ts';
import { anthropicMessages } from '../../lambdas/formats/anthropic-messages.ts';

const { readAsk } = anthropicMessages;
const hello = {
  model: 'claude-sonnet-5',
  max_tokens: 100,
  messages: [{ role: 'user', content: 'Hi' }],
};

function refusalOf(body: unknown): { param?: string; message: string } {
  try {
    readAsk(body);
  } catch (error) {
    if (error instanceof ProblemError) {
      const { code, param, message } = error.problem;
      expect(code).toBe('invalid_request');
      return { ...(param === undefined ? {} : { param }), message };
    }
    throw error;
  }
  throw new Error('it was not refused');
}

const user = (...content: unknown[]) => ({ ...hello, messages: [{ role: 'user', content }] });

describe('reading a Messages request', () => {
  test.each([
    [{ ...hello, max_tokens: undefined }, 'max_tokens'],
    [{ ...hello, model: '' }, 'model'],
    [{ ...hello, messages: [] }, 'messages'],
    [{ ...hello, messages: [{ role: 'robot', content: 'Hi' }] }, 'messages.0.role'],
    [user({ text: 'no type' }), 'messages.0.content.0.type'],
    [user({ type: 'text', text: 'Hi' }, { type: 'text' }), 'messages.0.content.1.text'],
    [user({ type: 'image', source: { type: 'base64' } }), 'messages.0.content.0.source.media_type'],
    [user({ type: 'tool_result', content: 'x' }), 'messages.0.content.0.tool_use_id'],
    [
      user({ type: 'text', text: 'Hi', cache_control: { type: 'forever' } }),
      'messages.0.content.0.cache_control.type',
    ],
    [{ ...hello, system: [{ type: 'image' }] }, 'system.0.type'],
    [{ ...hello, tools: [{ name: 'f' }] }, 'tools.0.input_schema'],
    [{ ...hello, tool_choice: { type: 'tool' } }, 'tool_choice.name'],
    [{ ...hello, thinking: { type: 'enabled' } }, 'thinking.budget_tokens'],
  ])('names the path of what is wrong (%#)', (body, param) => {
    expect(refusalOf(body).param).toBe(param);
  });

  test.each([undefined, null, 1, 'text', [], [[]], {}, { model: {} }, { messages: [null] }])(
    'refuses %j without crashing',
    (body) => {
      expect(refusalOf(body).message).not.toBe('');
    },
  );

  test('parts the results of tools from what the user says besides', () => {
    const { turns } = readAsk(
      user(
        { type: 'tool_result', tool_use_id: 'a', content: 'sunny', is_error: false },
        { type: 'tool_result', tool_use_id: 'b', content: [{ type: 'text', text: 'rain' }] },
        { type: 'text', text: 'And tomorrow?' },
      ),
    );
    expect(turns).toEqual([
      { role: 'tool', toolCallId: 'a', parts: [{ type: 'text', text: 'sunny' }], isError: false },
      { role: 'tool', toolCallId: 'b', parts: [{ type: 'text', text: 'rain' }] },
      { role: 'user', parts: [{ type: 'text', text: 'And tomorrow?' }] },
    ]);
  });

  test('keeps what only this format understands whole, and names fields inside what it knows', () => {
    const upload = { type: 'container_upload', file_id: 'file_1' };
    const ask = readAsk({
      ...user(upload),
      container: 'container_1',
      tools: [
        { type: 'web_search_20250305', name: 'web_search', max_uses: 2 },
        { name: 'f', input_schema: { type: 'object' }, defer_loading: true },
      ],
    });
    expect(ask.turns[0]?.parts).toEqual([
      { type: 'opaque', format: 'anthropic-messages', value: upload },
    ]);
    expect(ask.tools[0]).toMatchObject({ kind: 'opaque', name: 'web_search' });
    expect(ask.extras).toEqual({ container: 'container_1', 'tools.1.defer_loading': true });
  });

  test('reads documents of every source that others can understand', () => {
    const sources = [
      { type: 'base64', media_type: 'application/pdf', data: 'AAAA' },
      { type: 'text', media_type: 'text/plain', data: 'plain' },
      { type: 'url', url: 'https://example.com/a.pdf' },
      { type: 'file', file_id: 'file_1' },
      {
        type: 'content',
        content: [
          { type: 'text', text: 'one' },
          { type: 'text', text: 'two' },
        ],
      },
      { type: 'content', content: [{ type: 'image', source: {} }] },
    ];
    const ask = readAsk(user(...sources.map((source) => ({ type: 'document', source }))));
    const read = ask.turns[0]?.parts.map((part) =>
      part.type === 'file' ? part.source : part.type,
    );
    expect(read).toEqual([
      { kind: 'base64', mediaType: 'application/pdf', data: 'AAAA' },
      { kind: 'text', text: 'plain', mediaType: 'text/plain' },
      { kind: 'url', url: 'https://example.com/a.pdf' },
      { kind: 'id', vendor: 'anthropic', id: 'file_1' },
      { kind: 'text', text: 'one\ntwo', mediaType: 'text/plain' },
      'opaque',
    ]);
  });

  test('reads structured output from where it stands today and where it stood before', () => {
    const format = { type: 'json_schema', schema: { type: 'object' } };
    const wanted = { type: 'json-schema', schema: { type: 'object' } };
    expect(readAsk({ ...hello, output_config: { format } }).responseFormat).toEqual(wanted);
    expect(readAsk({ ...hello, output_format: format }).responseFormat).toEqual(wanted);
  });

  test.each([
    [{ thinking: { type: 'disabled' } }, { enabled: false, budgetTokens: 0 }],
    [
      { thinking: { type: 'enabled', budget_tokens: 2_000 } },
      { enabled: true, budgetTokens: 2_000 },
    ],
    [
      { thinking: { type: 'adaptive' }, output_config: { effort: 'max' } },
      { enabled: true, adaptive: true, effort: 'max' },
    ],
    [{ output_config: { effort: 'low' } }, { enabled: false, effort: 'low' }],
    [{}, undefined],
  ])('reads how hard to think from %j', (fields, reasoning) => {
    expect(readAsk({ ...hello, ...fields }).reasoning).toEqual(reasoning);
  });
});
