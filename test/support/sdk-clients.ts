/** The vendors' official clients, fed in process with bytes of our own writing. */
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import type { Raw } from './corpus.ts';
import type { StopClass, Told } from './corpus-told.ts';

export type Written = { status?: number; headers?: Record<string, string>; body: string };
export type Client = {
  whole(written: Written): Promise<Told>;
  stream(written: Written): Promise<Told>;
};

function answering(contentType: string, { status = 200, headers, body }: Written) {
  return async () => {
    const all = { 'content-type': contentType, ...headers };
    return new Response(body, { status, headers: all });
  };
}

function openai(contentType: string, written: Written): OpenAI {
  const fetch = answering(contentType, written);
  return new OpenAI({ apiKey: 'unused', maxRetries: 0, fetch });
}

function anthropic(contentType: string, written: Written): Anthropic {
  const fetch = answering(contentType, written);
  return new Anthropic({ apiKey: 'unused', maxRetries: 0, fetch });
}

const chatRequest = { model: 'some', messages: [{ role: 'user' as const, content: 'Hello' }] };
const messageRequest = { ...chatRequest, max_tokens: 100 };

export const openaiClient: Client = {
  async whole(written) {
    const client = openai('application/json', written);
    const completion: Raw = await client.chat.completions.create(chatRequest);
    return ofCompletion(completion, completion.choices[0].message.reasoning_content ?? '');
  },
  async stream(written) {
    const client = openai('text/event-stream', written);
    const options = { include_usage: true };
    let reasoning = '';
    const stream = client.chat.completions
      .stream({ ...chatRequest, stream_options: options })
      .on('chunk', (chunk: Raw) => {
        reasoning += chunk.choices[0]?.delta.reasoning_content ?? '';
      });
    return ofCompletion(await stream.finalChatCompletion(), reasoning);
  },
};

function ofCompletion(completion: Raw, reasoning: string): Told {
  const [{ message, finish_reason: finish }] = completion.choices;
  const stops: Record<string, StopClass> = {
    length: 'length',
    tool_calls: 'tools',
    content_filter: 'filtered',
  };
  const calls = (message.tool_calls ?? []).map((call: Raw) => ({
    name: (call.function ?? call.custom).name,
    input: parse(call.function?.arguments ?? call.custom.input),
  }));
  const stop = stops[finish] ?? (message.refusal && !message.content ? 'filtered' : 'stop');
  const { usage } = completion;
  return {
    text: (message.content ?? '') + (message.refusal ?? ''),
    reasoning,
    calls,
    stop,
    ...(usage && { usage: { input: usage.prompt_tokens, output: usage.completion_tokens } }),
  };
}

export const anthropicClient: Client = {
  async whole(written) {
    return ofMessage(await anthropic('application/json', written).messages.create(messageRequest));
  },
  async stream(written) {
    const client = anthropic('text/event-stream', written);
    return ofMessage(await client.messages.stream(messageRequest).finalMessage());
  },
};

function ofMessage(message: Raw): Told {
  const of = (type: string): Raw[] => message.content.filter((block: Raw) => block.type === type);
  const stops: Record<string, StopClass> = {
    max_tokens: 'length',
    tool_use: 'tools',
    refusal: 'filtered',
  };
  const { usage } = message;
  const cached = (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);
  return {
    text: of('text')
      .map((block) => block.text)
      .join(''),
    reasoning: of('thinking')
      .map((block) => block.thinking)
      .join(''),
    calls: of('tool_use').map(({ name, input }) => ({ name, input: input ?? {} })),
    stop: stops[message.stop_reason] ?? 'stop',
    usage: { input: usage.input_tokens + cached, output: usage.output_tokens },
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return text;
  }
}
