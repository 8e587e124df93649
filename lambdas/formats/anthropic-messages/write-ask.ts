/** A neutral ask as a Messages request, and what a relayed request must be patched with. */
import type { ChatAsk, Tool } from '../../core/ask.ts';
import type { UpstreamDemand, WrittenAsk } from '../format.ts';
import { gatewayFields, isGatewayField } from '../gateway-fields.ts';
import type { JsonRecord } from '../lenient.ts';
import { asRecord } from '../lenient.ts';
import {
  claudeVersion,
  formatName,
  oneSamplerSince,
  samplersUntil,
  thinkingBudgetMin,
} from './names.ts';
import type { WrittenReasoning } from './write-reasoning.ts';
import { writeReasoning } from './write-reasoning.ts';
import { writeCache, writeTurns } from './write-turns.ts';

type Body = Record<string, unknown>;

/** Top-level fields of this format without a neutral meaning; the rest of `extras` is others'. */
const ownExtras = [
  'cache_control',
  'container',
  'context_management',
  'diagnostics',
  'fallbacks',
  'inference_geo',
  'mcp_servers',
  'speed',
];

const temperatureMax = 1;
/** While thinking, a model takes a `top_p` from here on only. */
const thinkingTopPMin = 0.95;

export function writeAsk(ask: ChatAsk, demand: UpstreamDemand): WrittenAsk {
  const dropped: string[] = [];
  const body: Body = { model: demand.model, max_tokens: demand.outputTokensMax };
  const { system, messages } = writeTurns(ask.turns, dropped);
  if (system.length > 0) body.system = system;
  body.messages = messages;
  if (ask.stream) body.stream = true;
  writeTools(ask, body, dropped);
  const reasoning = writeReasoning(ask, demand.model, demand.outputTokensMax, dropped);
  if (reasoning.thinking !== undefined) body.thinking = reasoning.thinking;
  writeOutputConfig(ask, reasoning, body, dropped);
  writeSampling(ask, demand.model, body, dropped);
  if (ask.user !== undefined) body.metadata = { user_id: ask.user };
  writeServiceTier(ask, body, dropped);
  nameUnsayable(ask, dropped);
  for (const [name, value] of Object.entries(ask.extras)) {
    if (ownExtras.includes(name) && body[name] === undefined) body[name] = value;
    else if (!isGatewayField(name)) dropped.push(name);
  }
  for (const name of demand.quirks.unsupported ?? []) {
    if (body[name] === undefined) continue;
    delete body[name];
    dropped.push(name);
  }
  return { body, dropped };
}

/** Same format in and out: only what was decided changes, and what must change with it. */
export function patchAsk(ask: ChatAsk, demand: UpstreamDemand): Record<string, unknown> {
  const patch: Record<string, unknown> = { model: demand.model };
  const cap = demand.outputTokensMax;
  if (ask.outputTokensMax === undefined || cap < ask.outputTokensMax) {
    patch.max_tokens = cap;
    const budget = ask.reasoning?.budgetTokens;
    if (budget !== undefined && budget >= cap) {
      patch.thinking =
        cap > thinkingBudgetMin
          ? { type: 'enabled', budget_tokens: cap - 1, ...withDisplay(ask) }
          : { type: 'disabled' };
    }
  }
  for (const name of gatewayFields) {
    if (Object.hasOwn(ask.extras, name)) patch[name] = undefined;
  }
  for (const name of demand.quirks.unsupported ?? []) patch[name] = undefined;
  return patch;
}

function withDisplay(ask: ChatAsk): { display?: string } {
  const display = ask.reasoning?.display;
  return display === undefined ? {} : { display };
}

function writeTools(ask: ChatAsk, body: Body, dropped: string[]): void {
  const tools: unknown[] = [];
  ask.tools.forEach((tool, index) => {
    const written = writeTool(tool);
    if (written === undefined) dropped.push(`tools.${index}`);
    else tools.push(written);
  });
  if (tools.length > 0) body.tools = tools;
  const choice = writeToolChoice(ask);
  if (choice === undefined || tools.length === 0) {
    if (ask.toolChoice !== undefined && ask.toolChoice.type !== 'auto') dropped.push('tool_choice');
    return;
  }
  if (ask.parallelToolCalls !== undefined && choice.type !== 'none') {
    choice.disable_parallel_tool_use = !ask.parallelToolCalls;
  }
  body.tool_choice = choice;
}

function writeTool(tool: Tool): unknown {
  if (tool.kind === 'opaque') return tool.format === formatName ? tool.value : undefined;
  const { name, description, strict } = tool;
  const schema = asRecord(tool.parameters) ?? { properties: {} };
  return {
    name,
    ...(description === undefined ? {} : { description }),
    input_schema: schema.type === undefined ? { type: 'object', ...schema } : schema,
    ...(strict === undefined ? {} : { strict }),
    ...writeCache(tool.cache),
  };
}

function writeToolChoice(ask: ChatAsk): JsonRecord | undefined {
  const choice = ask.toolChoice;
  // Saying that calls must not be parallel needs a choice to say it in.
  if (choice === undefined) return ask.parallelToolCalls === false ? { type: 'auto' } : undefined;
  switch (choice.type) {
    case 'auto':
    case 'none':
      return { type: choice.type };
    case 'required':
      return { type: 'any' };
    case 'tool':
      return { type: 'tool', name: choice.name };
    case 'opaque':
      return choice.format === formatName ? { ...asRecord(choice.value) } : undefined;
  }
}

function writeOutputConfig(
  ask: ChatAsk,
  reasoning: WrittenReasoning,
  body: Body,
  dropped: string[],
): void {
  const config: JsonRecord = {};
  if (reasoning.effort !== undefined) config.effort = reasoning.effort;
  const format = ask.responseFormat;
  if (format?.type === 'json-schema') {
    config.format = { type: 'json_schema', schema: format.schema };
  } else if (format?.type === 'json') {
    // Free-form JSON without a schema is nothing that this format can ask for.
    dropped.push('response_format');
  }
  if (Object.keys(config).length > 0) body.output_config = config;
}

function writeSampling(ask: ChatAsk, model: string, body: Body, dropped: string[]): void {
  const { temperature, topP, topK, stop } = ask.sampling;
  const version = claudeVersion(model);
  const thinks = asRecord(body.thinking)?.type;
  const thinking = thinks !== undefined && thinks !== 'disabled';
  const keep = (name: string, value: number | undefined, allowed: boolean): void => {
    if (value === undefined) return;
    if (version >= samplersUntil || !allowed) dropped.push(name);
    else body[name] = value;
  };
  if (temperature !== undefined && temperature > temperatureMax) dropped.push('temperature');
  const clamped = temperature === undefined ? undefined : Math.min(temperature, temperatureMax);
  keep('temperature', clamped, !thinking || clamped === temperatureMax);
  const alone = body.temperature === undefined || version < oneSamplerSince;
  keep('top_p', topP, alone && (!thinking || (topP ?? 0) >= thinkingTopPMin));
  keep('top_k', topK, !thinking);
  const visible = stop?.filter((sequence) => sequence.trim() !== '') ?? [];
  if (visible.length < (stop?.length ?? 0)) dropped.push('stop');
  if (visible.length > 0) body.stop_sequences = visible;
}

function writeServiceTier(ask: ChatAsk, body: Body, dropped: string[]): void {
  if (ask.serviceTier === undefined) return;
  if (ask.serviceTier === 'auto') body.service_tier = 'auto';
  else if (['default', 'standard', 'standard_only'].includes(ask.serviceTier)) {
    body.service_tier = 'standard_only';
  } else dropped.push('service_tier');
}

/** What other formats can ask for and this one has no words for. */
function nameUnsayable(ask: ChatAsk, dropped: string[]): void {
  const { sampling } = ask;
  if ((ask.choices ?? 1) > 1) dropped.push('n');
  if (ask.logprobs !== undefined) dropped.push('logprobs');
  if (ask.metadata !== undefined) dropped.push('metadata');
  if (sampling.seed !== undefined) dropped.push('seed');
  if (sampling.frequencyPenalty) dropped.push('frequency_penalty');
  if (sampling.presencePenalty) dropped.push('presence_penalty');
  if (sampling.logitBias !== undefined) dropped.push('logit_bias');
}
