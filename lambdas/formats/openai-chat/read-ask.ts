/** Reads a caller's Chat Completions request. */
import type {
  ChatAsk,
  Reasoning,
  ResponseFormat,
  Sampling,
  Tool,
  ToolChoice,
} from '../../core/ask.ts';
import { check, refuseAt } from '../check.ts';
import type { JsonRecord } from '../lenient.ts';
import {
  type Body,
  bodySchema,
  customToolSchema,
  functionSchema,
  functionToolSchema,
  jsonSchemaFormatSchema,
  namedChoiceSchema,
} from './ask-schema.ts';
import { nestedExtras } from './nested-extras.ts';
import { formatName, readCache, readTurns } from './read-turns.ts';

export function readAsk(value: unknown): ChatAsk {
  const body = check(bodySchema, value);
  const capFields = outputCapFields.filter((name) => typeof body[name] === 'number');
  const caps = capFields.map((name) => Number(body[name]));
  const ask: ChatAsk = {
    model: body.model,
    stream: body.stream ?? false,
    usageFrame: (body.stream_options?.include_usage ?? false) || (body.usage?.include ?? false),
    turns: readTurns(body.messages),
    tools: readTools(body),
    sampling: readSampling(body),
    extras: { ...readExtras(body), ...nestedExtras(body) },
  };
  if (capFields.length > 0) {
    ask.outputTokensMax = Math.min(...caps);
    ask.outputCapFields = [...capFields];
  }
  const toolChoice = readToolChoice(body);
  if (toolChoice !== undefined) ask.toolChoice = toolChoice;
  const reasoning = readReasoning(body);
  if (reasoning !== undefined) ask.reasoning = reasoning;
  const responseFormat = readResponseFormat(body);
  if (responseFormat !== undefined) ask.responseFormat = responseFormat;
  if (body.logprobs) ask.logprobs = { top: body.top_logprobs ?? 0 };
  assignGiven(ask, {
    parallelToolCalls: body.parallel_tool_calls,
    choices: body.n,
    user: body.user,
    metadata: body.metadata,
    serviceTier: body.service_tier,
  });
  return ask;
}

/** Newer first: where a caller gives both, the lower one counts. */
export const outputCapFields = ['max_completion_tokens', 'max_tokens'] as const;

/** Sets what is there; `null` and `undefined` both mean that nothing was said. */
function assignGiven<T extends object>(
  target: T,
  given: { [K in keyof T]?: T[K] | null | undefined },
): void {
  for (const [name, value] of Object.entries(given)) {
    if (value !== null && value !== undefined) Object.assign(target, { [name]: value });
  }
}

function readSampling(body: Body): Sampling {
  const sampling: Sampling = {};
  assignGiven(sampling, {
    temperature: body.temperature,
    topP: body.top_p,
    topK: body.top_k,
    frequencyPenalty: body.frequency_penalty,
    presencePenalty: body.presence_penalty,
    seed: body.seed,
    stop: typeof body.stop === 'string' ? [body.stop] : body.stop,
    logitBias: body.logit_bias,
  });
  return sampling;
}

function readTools(body: Body): Tool[] {
  const tools = (body.tools ?? []).map((tool, index) => readTool(tool, ['tools', index]));
  for (const [index, value] of (body.functions ?? []).entries()) {
    tools.push(readFunction(value, ['functions', index]));
  }
  return tools;
}

function readTool(tool: { type?: string | null } & JsonRecord, path: (string | number)[]): Tool {
  // Clients of Mistral leave the type of a function out.
  const type = tool.type ?? (tool.function === undefined ? undefined : 'function');
  if (type === undefined) return refuseAt([...path, 'type'], 'must be a string');
  if (type === 'function') {
    const { cache_control } = check(functionToolSchema, tool, path);
    const cache = readCache(cache_control);
    const read = readFunction(tool.function, [...path, 'function']);
    return cache === undefined ? read : { ...read, cache };
  }
  const name = type === 'custom' ? check(customToolSchema, tool, path).custom.name : type;
  return { kind: 'opaque', format: formatName, name, value: tool };
}

function readFunction(value: unknown, path: (string | number)[]): Tool & { kind: 'function' } {
  const { name, description, parameters, strict } = check(functionSchema, value, path);
  const tool: Tool & { kind: 'function' } = { kind: 'function', name };
  assignGiven(tool, { description, parameters, strict });
  return tool;
}

function readToolChoice(body: Body): ToolChoice | undefined {
  const choice = body.tool_choice ?? readLegacyChoice(body.function_call);
  if (choice === null || choice === undefined) return undefined;
  if (typeof choice === 'string') return readChoiceName(choice);
  if ((choice.type ?? 'function') === 'function') {
    const named = check(namedChoiceSchema, choice, ['tool_choice']);
    return { type: 'tool', name: named.function.name };
  }
  return { type: 'opaque', format: formatName, value: choice };
}

function readLegacyChoice(choice: Body['function_call']) {
  if (choice === null || choice === undefined || typeof choice === 'string') return choice;
  return { type: 'function', function: { name: choice.name } };
}

function readChoiceName(choice: string): ToolChoice {
  if (choice === 'auto' || choice === 'none' || choice === 'required') return { type: choice };
  // Mistral's word for it.
  if (choice === 'any') return { type: 'required' };
  return refuseAt(['tool_choice'], 'must be one of "auto", "none", "required", or name a tool');
}

function readReasoning(body: Body): Reasoning | undefined {
  const { reasoning } = body;
  const effort = body.reasoning_effort ?? reasoning?.effort;
  const budget = reasoning?.max_tokens;
  const enabled = reasoning?.enabled;
  if (!effort && typeof budget !== 'number' && typeof enabled !== 'boolean') return undefined;
  return {
    enabled: enabled ?? (effort !== 'none' && budget !== 0),
    ...(effort && { effort }),
    ...(typeof budget === 'number' && { budgetTokens: budget }),
  };
}

function readResponseFormat(body: Body): ResponseFormat | undefined {
  const wanted = body.response_format;
  if (!wanted) return undefined;
  if (wanted.type === 'text') return { type: 'text' };
  if (wanted.type === 'json_object') return { type: 'json' };
  if (wanted.type !== 'json_schema') return undefined;
  const { json_schema: given } = check(jsonSchemaFormatSchema, wanted, ['response_format']);
  const format: ResponseFormat & { type: 'json-schema' } = {
    type: 'json-schema',
    schema: given.schema ?? {},
  };
  assignGiven(format, {
    name: given.name,
    description: given.description,
    strict: given.strict,
  });
  return format;
}

const knownFields = new Set(Object.keys(bodySchema.def.shape));

function readExtras(body: Body): Record<string, unknown> {
  const extras = Object.entries(body).filter(
    ([name, value]) => !knownFields.has(name) && value !== null && value !== undefined,
  );
  // What is left of fields that are otherwise understood.
  if (body.stream_options) {
    const { include_usage: _, ...rest } = body.stream_options;
    if (Object.keys(rest).length > 0) extras.push(['stream_options', rest]);
  }
  if (body.usage) extras.push(['usage', body.usage]);
  if (body.response_format && readResponseFormat(body) === undefined) {
    extras.push(['response_format', body.response_format]);
  }
  return Object.fromEntries(extras);
}
