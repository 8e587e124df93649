import { describe, expect, test } from 'vitest';
import type { ChatAsk, Turn } from '../../lambdas/core/ask.ts';
import { anthropicMessages } from '../../lambdas/formats/anthropic-messages.ts';

const user: Turn = { role: 'user', parts: [{ type: 'text', text: 'Hi' }] };

function askFor(fields: Partial<ChatAsk> = {}): ChatAsk {
  const base = { model: 'asked', stream: false, usageFrame: false, turns: [user], tools: [] };
  return { ...base, sampling: {}, extras: {}, ...fields };
}

function write(fields: Partial<ChatAsk>, model = 'claude-sonnet-4-5', outputTokensMax = 8_000) {
  return anthropicMessages.writeAsk(askFor(fields), { model, outputTokensMax, quirks: {} });
}

const call = (id: string, text = '{}') =>
  ({ type: 'tool-call', id, name: 'f', kind: 'function', text }) as const;
const result = (toolCallId: string): Turn => ({
  role: 'tool',
  toolCallId,
  parts: [{ type: 'text', text: 'done' }],
});
const tool = { kind: 'function', name: 'f' } as const;

describe('writing a Messages request', () => {
  test('gathers instructions into system, and names the one that lost its place', () => {
    const { body, dropped } = write({
      turns: [
        { role: 'system', parts: [{ type: 'text', text: 'Be kind.' }] },
        { role: 'developer', parts: [{ type: 'text', text: 'Be brief.' }] },
        user,
        { role: 'system', parts: [{ type: 'text', text: 'Now in French.' }] },
      ],
    });
    expect(body.system).toMatchObject([
      { text: 'Be kind.' },
      { text: 'Be brief.' },
      { text: 'Now in French.' },
    ]);
    expect(body.messages).toHaveLength(1);
    expect(dropped).toEqual(['messages.3.role']);
  });

  test('makes instructions alone what the user says, since there must be a message', () => {
    const { body } = write({ turns: [{ role: 'system', parts: [{ type: 'text', text: 'Hi' }] }] });
    expect(body.messages).toEqual([{ role: 'user', content: [{ type: 'text', text: 'Hi' }] }]);
    expect(body.system).toBeUndefined();
  });

  test('puts results and what the user says next into one message, in order', () => {
    const { body } = write({
      turns: [
        user,
        { role: 'assistant', parts: [call('a'), call('b')] },
        result('a'),
        result('b'),
        user,
      ],
    });
    const messages = body.messages as { role: string; content: { type: string }[] }[];
    expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user']);
    const types = messages[2]?.content.map(({ type }) => type);
    expect(types).toEqual(['tool_result', 'tool_result', 'text']);
  });

  test('gives refused ids others, the same for a call and its result, never one for two', () => {
    const turns: Turn[] = [
      { role: 'assistant', parts: [call('call:1'), call('call.1')] },
      result('call.1'),
      result('call:1'),
    ];
    const messages = write({ turns }).body.messages as { content: Record<string, string>[] }[];
    const [first, second] = messages[0]?.content ?? [];
    const [ofSecond, ofFirst] = messages[1]?.content ?? [];
    expect(first?.id).toMatch(/^[\w-]+$/);
    expect(first?.id).not.toBe(second?.id);
    expect([ofFirst?.tool_use_id, ofSecond?.tool_use_id]).toEqual([first?.id, second?.id]);
  });

  test.each([
    ['{"a":1}', { a: 1 }],
    ['', {}],
    ['null', {}],
    ['[1]', { input: [1] }],
    ['{"a":', { input: '{"a":' }],
  ])('makes an object of the arguments %j', (text, input) => {
    const { body } = write({ turns: [user, { role: 'assistant', parts: [call('a', text)] }] });
    const [, assistant] = body.messages as { content: unknown[] }[];
    expect(assistant?.content).toMatchObject([{ type: 'tool_use', input }]);
  });

  test('leaves out text that says nothing, and what has no words here by name', () => {
    const { body, dropped } = write({
      turns: [
        { role: 'user', name: 'ann', parts: [{ type: 'text', text: ' \n' }, ...user.parts] },
        {
          role: 'assistant',
          parts: [
            { type: 'reasoning', text: 'hm' },
            { type: 'text', text: 'A ' },
          ],
        },
      ],
      choices: 2,
      logprobs: { top: 3 },
      metadata: { a: 'b' },
      extras: { store: true, container: 'c1', provider: { only: ['x'] } },
      responseFormat: { type: 'json' },
      sampling: { seed: 1, frequencyPenalty: 0.5, presencePenalty: 0.5, logitBias: { 1: 2 } },
    });
    expect(body.messages).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'Hi' }] },
      { role: 'assistant', content: [{ type: 'text', text: 'A' }] },
    ]);
    expect(body.container).toBe('c1');
    expect(dropped.sort()).toEqual(
      [
        'messages.0.name',
        'messages.1.content.0',
        'response_format',
        'n',
        'logprobs',
        'metadata',
        'seed',
        'frequency_penalty',
        'presence_penalty',
        'logit_bias',
        'store',
      ].sort(),
    );
  });

  test('says that calls must not be parallel, with or without a choice', () => {
    const written = (fields: Partial<ChatAsk>) =>
      write({ tools: [tool], ...fields }).body.tool_choice;
    expect(written({ parallelToolCalls: false })).toEqual({
      type: 'auto',
      disable_parallel_tool_use: true,
    });
    expect(written({ parallelToolCalls: false, toolChoice: { type: 'required' } })).toEqual({
      type: 'any',
      disable_parallel_tool_use: true,
    });
    expect(written({ parallelToolCalls: false, toolChoice: { type: 'none' } })).toEqual({
      type: 'none',
    });
  });

  test('gives a tool without a schema the one that is demanded', () => {
    expect(write({ tools: [tool] }).body.tools).toEqual([
      { name: 'f', input_schema: { type: 'object', properties: {} } },
    ]);
  });
});

describe('asking a model of its age to think', () => {
  const effort = { enabled: true, effort: 'high' };

  test('gives a budget to older models, within the cap', () => {
    const { body } = write({ reasoning: effort });
    expect(body.thinking).toEqual({ type: 'enabled', budget_tokens: 6_400 });
    const lean = write({ reasoning: { enabled: true, budgetTokens: 5_000 } }, undefined, 2_000);
    expect(lean.body.thinking).toEqual({ type: 'enabled', budget_tokens: 1_999 });
  });

  test('leaves thinking out by name where the cap has no room for it', () => {
    const { body, dropped } = write({ reasoning: effort }, undefined, 1_024);
    expect(body.thinking).toBeUndefined();
    expect(dropped).toEqual(['reasoning']);
  });

  test.each(['claude-opus-4-6', 'anthropic/claude-opus-4.7', 'claude-sonnet-5', 'unheard-of'])(
    'leaves %s to adapt, led by an effort',
    (model) => {
      const { body } = write({ reasoning: effort }, model);
      expect(body.thinking).toEqual({ type: 'adaptive' });
      expect(body.output_config).toEqual({ effort: 'high' });
    },
  );

  test('keeps a budget only for models that still take one', () => {
    const reasoning = { enabled: true, budgetTokens: 2_000 };
    expect(write({ reasoning }, 'claude-opus-4-6').body.thinking).toMatchObject({
      type: 'enabled',
    });
    const newest = write({ reasoning }, 'claude-opus-4-7');
    expect(newest.body.thinking).toEqual({ type: 'adaptive' });
    expect(newest.dropped).toEqual(['reasoning.max_tokens']);
  });

  test.each([
    ['claude-3-opus-20240229', { temperature: 0.5, top_p: 0.9 }, []],
    ['claude-sonnet-4-5', { temperature: 0.5 }, ['top_p']],
    ['claude-opus-4-7', {}, ['temperature', 'top_p']],
  ])('sends %s only the samplers that it takes', (model, samplers, named) => {
    const { body, dropped } = write({ sampling: { temperature: 0.5, topP: 0.9 } }, model);
    const { temperature, top_p } = body;
    expect(JSON.parse(JSON.stringify({ temperature, top_p }))).toEqual(samplers);
    expect(dropped).toEqual(named);
  });

  test('clamps a temperature above its own scale, and says so', () => {
    const { body, dropped } = write({ sampling: { temperature: 1.7 } });
    expect(body.temperature).toBe(1);
    expect(dropped).toEqual(['temperature']);
  });
});

describe('patching a request that stays in its format', () => {
  const demand = { model: 'claude-sonnet-4-5', outputTokensMax: 3_000, quirks: {} };

  test('sets the model, and the cap only where it must be lower', () => {
    const { patchAsk } = anthropicMessages;
    const lower = patchAsk(askFor({ outputTokensMax: 8_000 }), demand);
    expect(lower).toEqual({ model: 'claude-sonnet-4-5', max_tokens: 3_000 });
    const within = patchAsk(askFor({ outputTokensMax: 100, extras: { provider: {} } }), demand);
    expect(within).toEqual({ model: 'claude-sonnet-4-5', provider: undefined });
  });

  test('lowers a thinking budget that the lower cap has no room for', () => {
    const reasoning = { enabled: true, budgetTokens: 5_000 };
    const patch = anthropicMessages.patchAsk(askFor({ outputTokensMax: 8_000, reasoning }), demand);
    expect(patch.thinking).toEqual({ type: 'enabled', budget_tokens: 2_999 });
  });
});
