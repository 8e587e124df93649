/** Small replies of each wire format, of our own making, for upstreams that a test scripts. */
import type { Script } from './fake-upstream.ts';

export type Said = {
  text?: string;
  tool?: { id: string; name: string; json: string };
  input?: number;
  output?: number;
  model?: string;
};

const json = { 'content-type': 'application/json' };
const sse = { 'content-type': 'text/event-stream; charset=utf-8' };
const textDefault = 'Hello there.';

/** An upstream's answer to whatever was asked: streamed if the request says so. */
export function chatScript(said: Said, stream: boolean): Script {
  if (!stream) return { headers: json, body: JSON.stringify(chatWhole(said)) };
  return { headers: sse, chunks: chatEvents(said) };
}

export function messagesScript(said: Said, stream: boolean): Script {
  if (!stream) return { headers: json, body: JSON.stringify(messagesWhole(said)) };
  return { headers: sse, chunks: messagesEvents(said) };
}

export function jsonScript(status: number, body: object, headers: object = {}): Script {
  return { status, headers: { ...json, ...headers }, body: JSON.stringify(body) };
}

function chatUsage({ input = 10, output = 4 }: Said) {
  return { prompt_tokens: input, completion_tokens: output, total_tokens: input + output };
}

export function chatWhole(said: Said) {
  const calls = said.tool && [
    {
      id: said.tool.id,
      type: 'function',
      function: { name: said.tool.name, arguments: said.tool.json },
    },
  ];
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1_790_000_000,
    model: said.model ?? 'upstream-chat-model',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: calls ? null : (said.text ?? textDefault),
          ...(calls ? { tool_calls: calls } : {}),
        },
        logprobs: null,
        finish_reason: calls ? 'tool_calls' : 'stop',
      },
    ],
    usage: chatUsage(said),
    unknown_to_us: { kept: true },
  };
}

export function chatEvents(said: Said): string[] {
  const head = {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1_790_000_000,
    model: said.model ?? 'upstream-chat-model',
  };
  const chunk = (delta: object, finish: string | null = null) =>
    `data: ${JSON.stringify({
      ...head,
      choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    })}\n\n`;
  const usage = `data: ${JSON.stringify({ ...head, choices: [], usage: chatUsage(said) })}\n\n`;
  const body = said.tool
    ? [
        chunk({
          tool_calls: [
            {
              index: 0,
              id: said.tool.id,
              type: 'function',
              function: { name: said.tool.name, arguments: '' },
            },
          ],
        }),
        ...halves(said.tool.json).map((part) =>
          chunk({ tool_calls: [{ index: 0, function: { arguments: part } }] }),
        ),
      ]
    : halves(said.text ?? textDefault).map((part) => chunk({ content: part }));
  return [
    chunk({ role: 'assistant', content: said.tool ? null : '' }),
    ...body,
    chunk({}, said.tool ? 'tool_calls' : 'stop'),
    usage,
    'data: [DONE]\n\n',
  ];
}

export function messagesWhole(said: Said) {
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: said.model ?? 'upstream-messages-model',
    content: [
      said.tool
        ? {
            type: 'tool_use',
            id: said.tool.id,
            name: said.tool.name,
            input: JSON.parse(said.tool.json),
          }
        : { type: 'text', text: said.text ?? textDefault },
    ],
    stop_reason: said.tool ? 'tool_use' : 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: said.input ?? 10, output_tokens: said.output ?? 4 },
    unknown_to_us: { kept: true },
  };
}

export function messagesEvents(said: Said): string[] {
  const event = (type: string, rest: object) =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`;
  const message = { ...messagesWhole(said), content: [], stop_reason: null };
  const start = { ...message, usage: { input_tokens: said.input ?? 10, output_tokens: 1 } };
  const block = said.tool
    ? { type: 'tool_use', id: said.tool.id, name: said.tool.name, input: {} }
    : { type: 'text', text: '' };
  const deltas = said.tool
    ? halves(said.tool.json).map((part) => ({ type: 'input_json_delta', partial_json: part }))
    : halves(said.text ?? textDefault).map((text) => ({ type: 'text_delta', text }));
  return [
    event('message_start', { message: start }),
    event('content_block_start', { index: 0, content_block: block }),
    ...deltas.map((delta) => event('content_block_delta', { index: 0, delta })),
    event('content_block_stop', { index: 0 }),
    event('message_delta', {
      delta: { stop_reason: said.tool ? 'tool_use' : 'end_turn', stop_sequence: null },
      usage: { output_tokens: said.output ?? 4 },
    }),
    event('message_stop', {}),
  ];
}

function halves(text: string): string[] {
  const middle = Math.ceil(text.length / 2);
  return [text.slice(0, middle), text.slice(middle)];
}
