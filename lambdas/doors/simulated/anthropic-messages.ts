/** Anthropic's messages as a server speaks them: requests read, answers written. */
import { asCount, asList, asRecord, asText } from '../../formats/lenient.ts';
import { slices } from './openai-chat.ts';
import { estimateTokens, type SimulatedReply, textOf } from './script.ts';
import { SimulatedRefusal, type SimulatedWire } from './wire.ts';

export const anthropicMessagesWire: SimulatedWire = {
  path: '/v1/messages',
  overloadedStatus: 529,
  read(body) {
    const request = asRecord(body);
    if (request === undefined) throw new SimulatedRefusal(400, 'The request body is not valid.');
    const outputTokensMax = asCount(request.max_tokens);
    if (outputTokensMax === undefined) {
      throw new SimulatedRefusal(400, 'max_tokens: Field required');
    }
    const last = asList(request.messages).map(asRecord).at(-1);
    if (last === undefined) throw new SimulatedRefusal(400, 'messages: Field required');
    const choice = asRecord(request.tool_choice);
    const mustCall = choice?.type === 'any' ? 'any' : asText(choice?.name);
    const parts = asList(last.content).map((part) => asRecord(part) ?? {});
    return {
      model: asText(request.model) ?? '',
      stream: request.stream === true,
      usageFrame: true,
      outputTokensMax,
      prompt: textOf(last.content),
      afterTool: parts.some((part) => part.type === 'tool_result'),
      tools: asList(request.tools).flatMap((tool) => {
        const offered = asRecord(tool);
        const name = asText(offered?.name);
        return name === undefined ? [] : [{ name, schema: offered?.input_schema }];
      }),
      ...(mustCall === undefined ? {} : { mustCall }),
      neverCall: choice?.type === 'none',
      inputTokens: estimateTokens(request.system, request.messages, request.tools),
    };
  },
  whole(reply) {
    const { tool } = reply;
    const content =
      tool === undefined
        ? [{ type: 'text', text: reply.words.join(' ') }]
        : [{ ...toolBlockOf(tool), input: JSON.parse(tool.arguments) as unknown }];
    return {
      ...envelope(reply),
      content,
      stop_reason: stopOf(reply),
      usage: usageOf(reply, reply.outputTokens),
    };
  },
  frames(reply) {
    const { tool } = reply;
    const message = { ...envelope(reply), content: [], usage: usageOf(reply, 1) };
    const block = tool === undefined ? { type: 'text', text: '' } : toolBlockOf(tool);
    const deltas =
      tool === undefined
        ? reply.words.map((word, index) => ({
            type: 'text_delta',
            text: index === 0 ? word : ` ${word}`,
          }))
        : slices(tool.arguments).map((text) => ({ type: 'input_json_delta', partial_json: text }));
    const end = { stop_reason: stopOf(reply), stop_sequence: null };
    return {
      opening: [
        frame({ type: 'message_start', message }),
        frame({ type: 'content_block_start', index: 0, content_block: block }),
        frame({ type: 'ping' }),
      ],
      tokens: deltas.map((delta) => frame({ type: 'content_block_delta', index: 0, delta })),
      closing: [
        frame({ type: 'content_block_stop', index: 0 }),
        frame({ type: 'message_delta', delta: end, usage: { output_tokens: reply.outputTokens } }),
        frame({ type: 'message_stop' }),
      ],
    };
  },
  error(status, message) {
    return { type: 'error', error: { type: errorTypes[status] ?? 'api_error', message } };
  },
};

const errorTypes: Record<number, string> = {
  400: 'invalid_request_error',
  404: 'not_found_error',
  413: 'request_too_large',
  529: 'overloaded_error',
};

function envelope(reply: SimulatedReply) {
  return {
    id: `msg_${reply.id}`,
    type: 'message',
    role: 'assistant',
    model: reply.model,
    stop_reason: null as string | null,
    stop_sequence: null,
  };
}

function frame(value: { type: string } & Record<string, unknown>): string {
  return `event: ${value.type}\ndata: ${JSON.stringify(value)}\n\n`;
}

function toolBlockOf(tool: NonNullable<SimulatedReply['tool']>) {
  return { type: 'tool_use', id: tool.id, name: tool.name, input: {} as unknown };
}

function stopOf(reply: SimulatedReply): string {
  if (reply.tool !== undefined) return 'tool_use';
  return reply.cutShort ? 'max_tokens' : 'end_turn';
}

function usageOf(reply: SimulatedReply, outputTokens: number) {
  return {
    input_tokens: reply.inputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
    output_tokens: outputTokens,
    service_tier: 'standard',
  };
}
