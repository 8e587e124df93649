import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts';
import { policyOf, startGateway, type TestGateway } from '../support/gateway.ts';
import { chatScript, messagesScript, type Said } from '../support/wire.ts';

const png =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const tool = { id: 'call_1', name: 'weather', json: '{"city":"Oslo"}' };
const schema = { type: 'object' as const, properties: { city: { type: 'string' } } };

describe.each(['openai', 'anthropic'] as const)('with an upstream that speaks %s', (format) => {
  let upstream: FakeUpstream;
  let gateway: TestGateway;
  let openai: OpenAI;
  let anthropic: Anthropic;

  const says = (said: Said) =>
    upstream.reply((request) => {
      const stream = (request.json() as { stream?: boolean }).stream === true;
      return format === 'openai' ? chatScript(said, stream) : messagesScript(said, stream);
    });

  beforeAll(async () => {
    upstream = await startFakeUpstream();
    const policy = policyOf({ up: { url: upstream.url, format } });
    gateway = await startGateway({ policy });
    const options = { apiKey: gateway.key, maxRetries: 0 };
    openai = new OpenAI({ ...options, baseURL: `${gateway.url}/v1` });
    anthropic = new Anthropic({ ...options, baseURL: gateway.url });
  });
  afterAll(async () => {
    await gateway.close();
    await upstream.close();
  });

  const messages = [{ role: 'user' as const, content: 'Say hello.' }];
  const chatAsk = { model: 'test-model', messages, max_completion_tokens: 50 };
  const messageAsk = { model: 'test-model', messages, max_tokens: 50 };

  test("OpenAI's client reads a whole answer", async () => {
    says({ text: 'Hello, world.' });
    const reply = await openai.chat.completions.create(chatAsk);
    expect(reply.choices[0]?.message.content).toBe('Hello, world.');
    expect(reply.choices[0]?.finish_reason).toBe('stop');
    expect(reply.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 4 });
  });

  test("OpenAI's client reads a streamed answer, and its usage if it asks", async () => {
    says({ text: 'Hello, world.' });
    const stream = openai.chat.completions.stream({
      ...chatAsk,
      stream_options: { include_usage: true },
    });
    const reply = await stream.finalChatCompletion();
    expect(reply.choices[0]?.message.content).toBe('Hello, world.');
    expect(reply.usage).toMatchObject({ prompt_tokens: 10, completion_tokens: 4 });
  });

  test("OpenAI's client that does not ask for usage gets none, and is metered all the same", async () => {
    says({ text: 'Hello, world.' });
    const { data, response } = await openai.chat.completions
      .create({ ...chatAsk, stream: true })
      .withResponse();
    const chunks = [];
    for await (const chunk of data) chunks.push(chunk);
    expect(chunks.every((chunk) => chunk.choices.length === 1)).toBe(true);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(
      'Hello, world.',
    );
    const record = await gateway.record(response.headers.get('x-request-id') ?? '');
    expect(record.receipt).toMatchObject({ basis: 'upstream', tokens: { input: 10, output: 4 } });
  });

  test("Anthropic's client reads a whole answer", async () => {
    says({ text: 'Hello, world.' });
    const reply = await anthropic.messages.create(messageAsk);
    expect(reply.content).toMatchObject([{ type: 'text', text: 'Hello, world.' }]);
    expect(reply.stop_reason).toBe('end_turn');
    expect(reply.usage).toMatchObject({ input_tokens: 10, output_tokens: 4 });
  });

  test("Anthropic's client reads a streamed answer", async () => {
    says({ text: 'Hello, world.' });
    const reply = await anthropic.messages.stream(messageAsk).finalMessage();
    expect(reply.content).toMatchObject([{ type: 'text', text: 'Hello, world.' }]);
    expect(reply.stop_reason).toBe('end_turn');
    expect(reply.usage.output_tokens).toBe(4);
  });

  test.each([false, true])("OpenAI's client gets a tool called (streamed: %s)", async (stream) => {
    says({ tool });
    const ask = {
      ...chatAsk,
      tools: [{ type: 'function' as const, function: { name: 'weather', parameters: schema } }],
    };
    const reply = stream
      ? await openai.chat.completions.stream(ask).finalChatCompletion()
      : await openai.chat.completions.create(ask);
    expect(reply.choices[0]?.finish_reason).toBe('tool_calls');
    expect(reply.choices[0]?.message.tool_calls).toMatchObject([
      { id: 'call_1', function: { name: 'weather', arguments: tool.json } },
    ]);
  });

  test.each([false, true])(
    "Anthropic's client gets a tool called (streamed: %s)",
    async (stream) => {
      says({ tool });
      const ask = { ...messageAsk, tools: [{ name: 'weather', input_schema: schema }] };
      const reply = stream
        ? await anthropic.messages.stream(ask).finalMessage()
        : await anthropic.messages.create(ask);
      expect(reply.stop_reason).toBe('tool_use');
      expect(reply.content).toMatchObject([
        { type: 'tool_use', id: 'call_1', name: 'weather', input: { city: 'Oslo' } },
      ]);
    },
  );

  test("an image and a tool's result reach the upstream from either client", async () => {
    says({ text: 'Nice.' });
    await openai.chat.completions.create({
      model: 'test-model',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Look.' },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${png}` } },
          ],
        },
        {
          role: 'assistant',
          tool_calls: [
            { id: 'call_1', type: 'function', function: { name: 'weather', arguments: tool.json } },
          ],
        },
        { role: 'tool', tool_call_id: 'call_1', content: '21 degrees' },
      ],
    });
    const fromOpenai = upstream.requests.at(-1)?.body.toString() ?? '';
    await anthropic.messages.create({
      model: 'test-model',
      max_tokens: 50,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Look.' },
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: png } },
          ],
        },
        {
          role: 'assistant',
          content: [{ type: 'tool_use', id: 'call_1', name: 'weather', input: { city: 'Oslo' } }],
        },
        {
          role: 'user',
          content: [{ type: 'tool_result', tool_use_id: 'call_1', content: '21 degrees' }],
        },
      ],
    });
    const fromAnthropic = upstream.requests.at(-1)?.body.toString() ?? '';
    for (const body of [fromOpenai, fromAnthropic]) {
      expect(body).toContain(png);
      expect(body).toContain('call_1');
      expect(body).toContain('21 degrees');
      expect(JSON.parse(body).model).toBe('up-model');
    }
  });
});
