/** OpenAI's chat completions as a server speaks them: requests read, answers written. */
import { asCount, asList, asRecord, asText } from '../../formats/lenient.ts';
import { estimateTokens, type SimulatedReply, textOf } from './script.ts';
import { SimulatedRefusal, type SimulatedWire } from './wire.ts';

const outputTokensDefault = 4_096;
const argumentCharsPerFrame = 12;

export const openaiChatWire: SimulatedWire = {
  path: '/v1/chat/completions',
  overloadedStatus: 503,
  read(body) {
    const request = asRecord(body);
    if (request === undefined) throw new SimulatedRefusal(400, 'We could not parse the body.');
    const messages = asList(request.messages).map((message) => asRecord(message) ?? {});
    const last = messages.at(-1);
    if (last === undefined) throw new SimulatedRefusal(400, "Missing 'messages'.");
    const choice = request.tool_choice;
    const named = asText(asRecord(asRecord(choice)?.function)?.name);
    const mustCall = choice === 'required' ? 'any' : named;
    return {
      model: asText(request.model) ?? '',
      stream: request.stream === true,
      usageFrame: asRecord(request.stream_options)?.include_usage === true,
      outputTokensMax:
        asCount(request.max_completion_tokens) ??
        asCount(request.max_tokens) ??
        outputTokensDefault,
      prompt: textOf(last.content),
      afterTool: last.role === 'tool',
      tools: asList(request.tools).flatMap((tool) => {
        const offered = asRecord(asRecord(tool)?.function);
        const name = asText(offered?.name);
        return name === undefined ? [] : [{ name, schema: offered?.parameters }];
      }),
      ...(mustCall === undefined ? {} : { mustCall }),
      neverCall: choice === 'none',
      inputTokens: estimateTokens(request.messages, request.tools),
    };
  },
  whole(reply) {
    const { tool } = reply;
    const message =
      tool === undefined
        ? { role: 'assistant', content: reply.words.join(' '), refusal: null }
        : { role: 'assistant', content: null, refusal: null, tool_calls: [toolCallOf(tool)] };
    return {
      ...envelope(reply, 'chat.completion'),
      choices: [{ index: 0, message, logprobs: null, finish_reason: finishOf(reply) }],
      usage: usageOf(reply),
    };
  },
  frames(reply) {
    const { tool } = reply;
    const start = { role: 'assistant', content: tool === undefined ? '' : null, refusal: null };
    const opening = [chunk(reply, start)];
    if (tool !== undefined) {
      opening.push(chunk(reply, { tool_calls: [{ index: 0, ...toolCallOf(tool, '') }] }));
    }
    const tokens =
      tool === undefined
        ? reply.words.map((word, index) => chunk(reply, { content: index ? ` ${word}` : word }))
        : slices(tool.arguments).map((text) =>
            chunk(reply, { tool_calls: [{ index: 0, function: { arguments: text } }] }),
          );
    const closing = [chunk(reply, {}, finishOf(reply))];
    if (reply.usageFrame) {
      const body = { ...envelope(reply, 'chat.completion.chunk'), choices: [] };
      closing.push(frame({ ...body, usage: usageOf(reply) }));
    }
    closing.push('data: [DONE]\n\n');
    return { opening, tokens, closing };
  },
  error(status, message) {
    const type = status >= 500 ? 'server_error' : 'invalid_request_error';
    const code = status === 404 ? 'model_not_found' : null;
    return { error: { message, type, param: null, code } };
  },
};

function envelope(reply: SimulatedReply, object: string) {
  return {
    id: `chatcmpl-${reply.id}`,
    object,
    created: reply.createdAt,
    model: reply.model,
    service_tier: 'default',
    system_fingerprint: 'fp_simulated',
  };
}

function chunk(reply: SimulatedReply, delta: unknown, finish: string | null = null): string {
  return frame({
    ...envelope(reply, 'chat.completion.chunk'),
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
    ...(reply.usageFrame ? { usage: null } : {}),
  });
}

function frame(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`;
}

function toolCallOf(tool: NonNullable<SimulatedReply['tool']>, text = tool.arguments) {
  return { id: tool.id, type: 'function', function: { name: tool.name, arguments: text } };
}

function finishOf(reply: SimulatedReply): string {
  if (reply.tool !== undefined) return 'tool_calls';
  return reply.cutShort ? 'length' : 'stop';
}

function usageOf(reply: SimulatedReply) {
  return {
    prompt_tokens: reply.inputTokens,
    completion_tokens: reply.outputTokens,
    total_tokens: reply.inputTokens + reply.outputTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: 0,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

/** Cuts a text as a server does that sends its arguments bit by bit. */
export function slices(text: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < text.length; at += argumentCharsPerFrame) {
    found.push(text.slice(at, at + argumentCharsPerFrame));
  }
  return found;
}
