/** Writes a request for an upstream of this format, and names what it could not say. */
import type { ChatAsk, Reasoning, ResponseFormat, Tool, ToolChoice } from '../../core/ask.ts';
import type { UpstreamDemand, WrittenAsk } from '../format.ts';
import { gatewayFields, isGatewayField } from '../gateway-fields.ts';
import type { JsonRecord } from '../lenient.ts';
import { outputCapFields } from './read-ask.ts';
import { formatName } from './read-turns.ts';
import { type Drop, writeTurns } from './write-turns.ts';

const capField = outputCapFields[0];
const stopsMax = 4;
const serviceTiers = new Set(['auto', 'default', 'flex', 'scale', 'priority']);

/** Fields without a neutral meaning whose names mean the same wherever they are read. */
const ownExtras = new Set([
  'audio',
  'modalities',
  'moderation',
  'prediction',
  'prompt_cache_key',
  'prompt_cache_options',
  'prompt_cache_retention',
  'safety_identifier',
  'store',
  'verbosity',
  'web_search_options',
]);

export function writeAsk(ask: ChatAsk, demand: UpstreamDemand): WrittenAsk {
  const dropped: string[] = [];
  const drop: Drop = (name) => dropped.push(name);
  const body: JsonRecord = {
    model: demand.model,
    messages: writeTurns(ask.turns, demand.quirks, drop),
    [demand.quirks.outputCapField ?? capField]: demand.outputTokensMax,
    stream: ask.stream,
    ...writeStreamOptions(ask, demand),
    ...writeTools(ask, drop),
    ...writeSampling(ask, drop),
    ...writeReasoning(ask.reasoning, drop),
    ...writeRest(ask, drop),
    ...writeExtras(ask, drop),
  };
  for (const name of demand.quirks.unsupported ?? []) {
    if (!Object.hasOwn(body, name)) continue;
    delete body[name];
    // What we added ourselves is nothing the caller would miss.
    if (name !== 'stream_options' && name !== 'stream') drop(name);
  }
  return { body, dropped };
}

function asksForUsage(ask: ChatAsk, demand: UpstreamDemand): boolean {
  const { streamUsage = 'asked', unsupported = [] } = demand.quirks;
  return ask.stream && streamUsage === 'asked' && !unsupported.includes('stream_options');
}

function writeStreamOptions(ask: ChatAsk, demand: UpstreamDemand): JsonRecord {
  return asksForUsage(ask, demand) ? { stream_options: { include_usage: true } } : {};
}

function writeTools(ask: ChatAsk, drop: Drop): JsonRecord {
  const tools: unknown[] = [];
  for (const [index, tool] of ask.tools.entries()) {
    const written = writeTool(tool);
    if (written === undefined) drop(`tools.${index}`);
    else tools.push(written);
    if (tool.kind === 'function' && tool.cache) drop(`tools.${index}.cache_control`);
  }
  if (tools.length === 0) {
    // A choice among no tools is refused.
    if (ask.toolChoice !== undefined) drop('tool_choice');
    if (ask.parallelToolCalls !== undefined) drop('parallel_tool_calls');
    return {};
  }
  const choice = ask.toolChoice === undefined ? undefined : writeToolChoice(ask.toolChoice);
  if (ask.toolChoice !== undefined && choice === undefined) drop('tool_choice');
  return {
    tools,
    ...(choice !== undefined && { tool_choice: choice }),
    ...(ask.parallelToolCalls !== undefined && { parallel_tool_calls: ask.parallelToolCalls }),
  };
}

function writeTool(tool: Tool): unknown {
  if (tool.kind === 'opaque') return tool.format === formatName ? tool.value : undefined;
  const { name, description, parameters, strict } = tool;
  return { type: 'function', function: defined({ name, description, parameters, strict }) };
}

function writeToolChoice(choice: ToolChoice): unknown {
  if (choice.type === 'tool') return { type: 'function', function: { name: choice.name } };
  if (choice.type === 'opaque') return choice.format === formatName ? choice.value : undefined;
  return choice.type;
}

function writeSampling(ask: ChatAsk, drop: Drop): JsonRecord {
  const { sampling } = ask;
  if (sampling.topK !== undefined) drop('top_k');
  for (let index = stopsMax; index < (sampling.stop?.length ?? 0); index++) drop(`stop.${index}`);
  return defined({
    temperature: sampling.temperature,
    top_p: sampling.topP,
    frequency_penalty: sampling.frequencyPenalty,
    presence_penalty: sampling.presencePenalty,
    seed: sampling.seed,
    stop: sampling.stop?.slice(0, stopsMax),
    logit_bias: sampling.logitBias,
    n: ask.choices,
    ...(ask.logprobs && { logprobs: true, top_logprobs: ask.logprobs.top }),
  });
}

const lowBudgetMax = 4_096;
const mediumBudgetMax = 16_384;

function writeReasoning(reasoning: Reasoning | undefined, drop: Drop): JsonRecord {
  if (reasoning === undefined) return {};
  if (reasoning.display !== undefined) drop('reasoning.display');
  if (reasoning.effort !== undefined) return { reasoning_effort: reasoning.effort };
  const { enabled, budgetTokens: budget } = reasoning;
  if (!enabled || budget === undefined) {
    // Few models can be told not to reason, and `adaptive` is what they do untold.
    drop('reasoning');
    return {};
  }
  const effort = budget <= lowBudgetMax ? 'low' : budget <= mediumBudgetMax ? 'medium' : 'high';
  return { reasoning_effort: effort };
}

function writeRest(ask: ChatAsk, drop: Drop): JsonRecord {
  const { metadata, serviceTier } = ask;
  // OpenAI takes metadata only with what it stores.
  const keepsMetadata = metadata !== undefined && ask.extras.store === true;
  if (metadata !== undefined && !keepsMetadata) drop('metadata');
  const keepsTier = serviceTier !== undefined && serviceTiers.has(serviceTier);
  if (serviceTier !== undefined && !keepsTier) drop('service_tier');
  return defined({
    response_format: ask.responseFormat && writeResponseFormat(ask.responseFormat),
    user: ask.user,
    metadata: keepsMetadata ? metadata : undefined,
    service_tier: keepsTier ? serviceTier : undefined,
  });
}

function writeResponseFormat(format: ResponseFormat): unknown {
  if (format.type === 'text') return { type: 'text' };
  if (format.type === 'json') return { type: 'json_object' };
  const { name = 'response', description, schema, strict } = format;
  return { type: 'json_schema', json_schema: defined({ name, description, schema, strict }) };
}

function writeExtras(ask: ChatAsk, drop: Drop): JsonRecord {
  const kept: [string, unknown][] = [];
  for (const [name, value] of Object.entries(ask.extras)) {
    if (ownExtras.has(name)) kept.push([name, value]);
    else if (!isGatewayField(name)) drop(name);
  }
  return Object.fromEntries(kept);
}

function defined(fields: JsonRecord): JsonRecord {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

/** Same format in and out: what must differ from the caller's own body. */
export function patchAsk(ask: ChatAsk, demand: UpstreamDemand): Record<string, unknown> {
  const patch: Record<string, unknown> = { model: demand.model, ...patchCap(ask, demand) };
  const seesUsage = ask.usageFrame && ask.extras.usage === undefined;
  if (asksForUsage(ask, demand) && !seesUsage) {
    const given = ask.extras.stream_options;
    const rest = typeof given === 'object' ? given : {};
    patch.stream_options = { ...rest, include_usage: true };
  }
  for (const name of gatewayFields) {
    if (Object.hasOwn(ask.extras, name)) patch[name] = undefined;
  }
  for (const name of demand.quirks.unsupported ?? []) patch[name] = undefined;
  return patch;
}

function patchCap(ask: ChatAsk, demand: UpstreamDemand): Record<string, unknown> {
  const given = ask.outputCapFields ?? [];
  const field = demand.quirks.outputCapField ?? (given.length === 1 ? given[0] : capField);
  const cap = ask.outputTokensMax ?? demand.outputTokensMax;
  if (field === undefined) return {};
  if (given.length === 1 && given[0] === field && cap <= demand.outputTokensMax) return {};
  const patch: Record<string, unknown> = { [field]: Math.min(cap, demand.outputTokensMax) };
  for (const other of outputCapFields) {
    if (other !== field && given.includes(other)) patch[other] = undefined;
  }
  return patch;
}
