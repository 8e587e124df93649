/** Simulated providers speak the real wire formats: their vendors' own SDKs understand them. */
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { simulatedPolicyDocument } from '../../lambdas/doors/simulated/policy.ts';
import {
  type SimulatedProvider,
  simulatedProviders,
} from '../../lambdas/doors/simulated/script.ts';
import {
  type SimulatedServer,
  startSimulatedProviders,
} from '../../lambdas/doors/simulated/server.ts';
import { compilePolicy } from '../../lambdas/providers/policy-document.ts';

const weather = {
  name: 'get_weather',
  description: 'The weather at a place',
  schema: {
    type: 'object' as const,
    properties: { place: { type: 'string' }, unit: { enum: ['celsius', 'fahrenheit'] } },
    required: ['place', 'unit'],
  },
};

const quick = (name: string, rest: Partial<SimulatedProvider>): SimulatedProvider => ({
  ...{ name, format: 'openai-chat', firstTokenMs: 1, tokensPerSecond: 5_000 },
  ...rest,
});

let server: SimulatedServer;
beforeAll(async () => {
  server = await startSimulatedProviders([
    quick('steady-chat', {}),
    quick('steady-messages', { format: 'anthropic-messages' }),
    quick('busy-chat', { overloadedEvery: 2 }),
    quick('busy-messages', { format: 'anthropic-messages', overloadedEvery: 2 }),
    quick('broken-chat', { cutEvery: 1 }),
  ]);
});
afterAll(() => server.close());

const chat = (name: string) =>
  new OpenAI({ apiKey: 'none', baseURL: `${server.url}/${name}/v1`, maxRetries: 0 });
const messages = (name: string) =>
  new Anthropic({ apiKey: 'none', baseURL: `${server.url}/${name}`, maxRetries: 0 });
const model = 'simulated-small';
const hello = [{ role: 'user' as const, content: 'Good morning' }];

describe("OpenAI's SDK", () => {
  it('reads a whole reply that says it is simulated, with usage that adds up', async () => {
    const reply = await chat('steady-chat').chat.completions.create({ model, messages: hello });
    expect(reply.choices[0]?.message.content).toMatch(/^This is a simulated reply from steady-/);
    expect(reply.choices[0]?.finish_reason).toBe('stop');
    const { prompt_tokens = 0, completion_tokens = 0, total_tokens } = reply.usage ?? {};
    expect(completion_tokens).toBeGreaterThan(5);
    expect(total_tokens).toBe(prompt_tokens + completion_tokens);
  });

  it('reads a stream, which ends with usage where that was asked for', async () => {
    const stream = await chat('steady-chat').chat.completions.create({
      ...{ model, messages: hello, stream: true, stream_options: { include_usage: true } },
    });
    let text = '';
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    expect(text).toContain('You wrote: Good morning');
    expect(usage?.completion_tokens).toBe(text.split(' ').length);
  });

  it('gets no usage in a stream where none was asked for', async () => {
    const stream = await chat('steady-chat').chat.completions.create({
      ...{ model, messages: hello, stream: true },
    });
    for await (const chunk of stream) expect(chunk.usage).toBeUndefined();
  });

  it('is stopped at its cap', async () => {
    const reply = await chat('steady-chat').chat.completions.create({
      ...{ model, max_completion_tokens: 4, messages: hello },
    });
    expect(reply.choices[0]?.finish_reason).toBe('length');
    expect(reply.usage?.completion_tokens).toBe(4);
  });

  it('gets a tool call whose arguments fit the schema, whole and streamed', async () => {
    const parameters = weather.schema;
    const ask = {
      model,
      messages: [{ role: 'user' as const, content: 'Use get_weather for Paris' }],
      tools: [{ type: 'function' as const, function: { name: weather.name, parameters } }],
    };
    const { completions } = chat('steady-chat').chat;
    const streamed = await completions.stream(ask).finalChatCompletion();
    for (const reply of [await completions.create(ask), streamed]) {
      const call = reply.choices[0]?.message.tool_calls?.[0];
      if (call?.type !== 'function') throw new Error('no tool was called');
      expect(reply.choices[0]?.finish_reason).toBe('tool_calls');
      expect(JSON.parse(call.function.arguments)).toEqual({
        ...{ place: 'Use get_weather for Paris', unit: 'celsius' },
      });
    }
  });

  it('is told of overload, of bodies that are wrong, and of models that are not there', async () => {
    const busy = chat('busy-chat').chat.completions;
    await busy.create({ model, messages: hello });
    await expect(busy.create({ model, messages: hello })).rejects.toMatchObject({
      ...{ status: 503, type: 'server_error' },
    });
    const steady = chat('steady-chat').chat.completions;
    await expect(steady.create({ model, messages: [] })).rejects.toMatchObject({ status: 400 });
    await expect(steady.create({ model: 'gpt-x', messages: hello })).rejects.toMatchObject({
      ...{ status: 404, code: 'model_not_found' },
    });
  });

  it('sees a stream break off', async () => {
    const stream = await chat('broken-chat').chat.completions.create({
      ...{ model, messages: hello, stream: true },
    });
    const read = async () => {
      for await (const _ of stream);
    };
    await expect(read()).rejects.toThrow();
  });
});

describe("Anthropic's SDK", () => {
  const ask = { model, max_tokens: 100, messages: hello };

  it('reads a whole reply and a stream to the same end', async () => {
    const whole = await messages('steady-messages').messages.create(ask);
    const streamed = await messages('steady-messages').messages.stream(ask).finalMessage();
    expect(whole.content[0]).toMatchObject({ type: 'text' });
    expect(streamed.content).toEqual(whole.content);
    expect(streamed.stop_reason).toBe('end_turn');
    expect(streamed.usage.output_tokens).toBe(whole.usage.output_tokens);
  });

  it('gets a tool call, and words once the tool has answered', async () => {
    const tools = [{ name: weather.name, input_schema: weather.schema }];
    const user = { role: 'user' as const, content: 'Which tool knows the weather?' };
    const first = await messages('steady-messages')
      .messages.stream({ ...ask, messages: [user], tools })
      .finalMessage();
    expect(first.stop_reason).toBe('tool_use');
    const [call] = first.content;
    if (call?.type !== 'tool_use') throw new Error('no tool was called');
    expect(call.input).toEqual({ place: user.content, unit: 'celsius' });
    const answered = { type: 'tool_result' as const, tool_use_id: call.id, content: 'sunny' };
    const second = await messages('steady-messages').messages.create({
      ...ask,
      messages: [
        user,
        { role: 'assistant', content: first.content },
        { role: 'user', content: [answered] },
      ],
      tools,
    });
    const [said] = second.content;
    expect(said?.type === 'text' && said.text).toContain('The tool answered: sunny');
  });

  it('is told of overload as Anthropic tells it', async () => {
    const busy = messages('busy-messages').messages;
    await busy.create(ask);
    await expect(busy.create(ask)).rejects.toMatchObject({
      ...{ status: 529, error: { type: 'error', error: { type: 'overloaded_error' } } },
    });
  });
});

it('the policy over the simulated providers compiles, and none of them wants a key', () => {
  const { policy, keyVariables } = compilePolicy(simulatedPolicyDocument('http://127.0.0.1:1'));
  expect([...policy.providers.keys()]).toEqual(simulatedProviders.map(({ name }) => name));
  for (const provider of policy.providers.values()) {
    expect(provider.simulated).toBe(true);
    expect(provider.credential).toBeUndefined();
  }
  expect(keyVariables.size).toBe(0);
});
