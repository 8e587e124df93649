/** A Messages request as a neutral ask: strict, and naming the path of what is wrong. */
import type {
  ChatAsk,
  Part,
  Reasoning,
  ResponseFormat,
  Sampling,
  Tool,
  ToolChoice,
  Turn,
} from '../../core/ask.ts';
import { check, refuseAt } from '../check.ts';
import { keepOthers, type NestedExtras } from '../nested-extras.ts';
import type { Body } from './ask-schema.ts';
import * as schema from './ask-schema.ts';
import { formatName } from './names.ts';
import type { Block, Path } from './read-blocks.ts';
import { readBlock, readCache, readContent, readTextBlocks } from './read-blocks.ts';

const knownFields =
  'model max_tokens messages system stream tools tool_choice temperature top_p top_k ' +
  'stop_sequences metadata service_tier thinking output_config output_format';

export function readAsk(value: unknown): ChatAsk {
  const body = check(schema.bodySchema, value);
  const extras: NestedExtras = {};
  keepOthers(body, knownFields, [], extras);
  const turns = [...readSystem(body, extras), ...readMessages(body, extras)];
  const ask: ChatAsk = {
    model: body.model,
    stream: body.stream === true,
    // Usage always stands in a stream of this format.
    usageFrame: true,
    turns,
    tools: (body.tools ?? []).map((tool, index) => readTool(tool, ['tools', index], extras)),
    outputTokensMax: body.max_tokens,
    sampling: readSampling(body),
    extras,
  };
  readToolChoice(body, ask);
  const responseFormat = readResponseFormat(body, extras);
  if (responseFormat !== undefined) ask.responseFormat = responseFormat;
  const reasoning = readReasoning(body, extras);
  if (reasoning !== undefined) ask.reasoning = reasoning;
  if (body.metadata) {
    keepOthers(body.metadata, 'user_id', ['metadata'], extras);
    if (body.metadata.user_id) ask.user = body.metadata.user_id;
  }
  if (body.service_tier) ask.serviceTier = body.service_tier;
  return ask;
}

function readSystem(body: Body, extras: NestedExtras): Turn[] {
  if (body.system === undefined || body.system === null) return [];
  const parts = readTextBlocks(body.system, ['system'], extras);
  return parts.length === 0 ? [] : [{ role: 'system', parts }];
}

function readMessages(body: Body, extras: NestedExtras): Turn[] {
  if (body.messages.length === 0) refuseAt(['messages'], 'must hold at least one message');
  return body.messages.flatMap((message, index): Turn[] => {
    const at = ['messages', index];
    keepOthers(message, 'role content', at, extras);
    const path = [...at, 'content'];
    if (message.role === 'system') {
      return [{ role: 'system', parts: readTextBlocks(message.content, path, extras) }];
    }
    const blocks = readContent(message.content, path);
    return message.role === 'user'
      ? readUserTurns(blocks, path, extras)
      : [{ role: 'assistant', parts: readParts(blocks, path, extras) }];
  });
}

function readParts(blocks: Block[], path: Path, extras: NestedExtras): Part[] {
  return blocks.map((block, index) => readBlock(block, [...path, index], extras));
}

/** Results of tools stand inside a user's message here; in between, the user's own parts. */
function readUserTurns(blocks: Block[], path: Path, extras: NestedExtras): Turn[] {
  const turns: Turn[] = [];
  let own: Part[] | undefined;
  blocks.forEach((block, index) => {
    const at = [...path, index];
    if (block.type === 'tool_result') {
      turns.push(readToolResult(block, at, extras));
      own = undefined;
      return;
    }
    if (own === undefined) {
      own = [];
      turns.push({ role: 'user', parts: own });
    }
    own.push(readBlock(block, at, extras));
  });
  return turns.length === 0 ? [{ role: 'user', parts: [] }] : turns;
}

function readToolResult(block: Block, path: Path, extras: NestedExtras): Turn {
  const result = check(schema.toolResultSchema, block, path);
  keepOthers(block, 'type tool_use_id content is_error cache_control', path, extras);
  const inside = [...path, 'content'];
  const blocks = result.content == null ? [] : readContent(result.content, inside);
  const parts = readParts(blocks, inside, extras);
  const turn: Turn = { role: 'tool', toolCallId: result.tool_use_id, parts };
  if (typeof result.is_error === 'boolean') turn.isError = result.is_error;
  return { ...turn, ...readCache(block, path) };
}

function readTool(
  tool: NonNullable<Body['tools']>[number],
  path: Path,
  extras: NestedExtras,
): Tool {
  if (tool.type && tool.type !== 'custom') {
    const name = typeof tool.name === 'string' ? tool.name : tool.type;
    return { kind: 'opaque', format: formatName, name, value: tool };
  }
  const custom = check(schema.customToolSchema, tool, path);
  keepOthers(tool, 'type name description input_schema strict cache_control', path, extras);
  return {
    kind: 'function',
    name: custom.name,
    ...(typeof custom.description === 'string' ? { description: custom.description } : {}),
    parameters: custom.input_schema,
    ...(typeof custom.strict === 'boolean' ? { strict: custom.strict } : {}),
    ...readCache(tool, path),
  };
}

function readToolChoice(body: Body, ask: ChatAsk): void {
  const choice = body.tool_choice;
  if (!choice) return;
  ask.toolChoice = toolChoice(choice);
  if (typeof choice.disable_parallel_tool_use === 'boolean') {
    ask.parallelToolCalls = !choice.disable_parallel_tool_use;
  }
}

function toolChoice(choice: NonNullable<Body['tool_choice']>): ToolChoice {
  switch (choice.type) {
    case 'auto':
    case 'none':
      return { type: choice.type };
    case 'any':
      return { type: 'required' };
    case 'tool':
      if (!choice.name) refuseAt(['tool_choice', 'name'], 'must name a tool');
      return { type: 'tool', name: choice.name };
    default:
      return { type: 'opaque', format: formatName, value: choice };
  }
}

function readSampling(body: Body): Sampling {
  const sampling: Sampling = {};
  if (typeof body.temperature === 'number') sampling.temperature = body.temperature;
  // Some clients say −1 for what they leave to the model, and the vendor takes it.
  if (typeof body.top_p === 'number' && body.top_p >= 0) sampling.topP = body.top_p;
  if (typeof body.top_k === 'number' && body.top_k >= 0) sampling.topK = body.top_k;
  if (body.stop_sequences?.length) sampling.stop = body.stop_sequences;
  return sampling;
}

/** `output_format` is where the schema stood before it moved into `output_config`. */
function readResponseFormat(body: Body, extras: NestedExtras): ResponseFormat | undefined {
  if (body.output_config)
    keepOthers(body.output_config, 'effort format', ['output_config'], extras);
  const inConfig = body.output_config?.format;
  const format = inConfig ?? body.output_format;
  if (!format) return undefined;
  const path = inConfig ? ['output_config', 'format'] : ['output_format'];
  if (format.type !== 'json_schema') {
    extras[path.join('.')] = format;
    return undefined;
  }
  return { type: 'json-schema', schema: check(schema.jsonSchemaFormat, format, path).schema };
}

/** Effort alone leaves thinking as the model has it: `enabled` is then false, and effort is set. */
function readReasoning(body: Body, extras: NestedExtras): Reasoning | undefined {
  const effort = body.output_config?.effort ?? undefined;
  const withEffort = effort === undefined ? {} : { effort };
  const thinking = body.thinking;
  if (!thinking) return effort === undefined ? undefined : { enabled: false, effort };
  keepOthers(thinking, 'type budget_tokens display', ['thinking'], extras);
  const display = thinking.display ? { display: thinking.display } : {};
  switch (thinking.type) {
    case 'disabled':
      return { enabled: false, budgetTokens: 0, ...withEffort };
    case 'adaptive':
      return { enabled: true, adaptive: true, ...withEffort, ...display };
    case 'enabled': {
      const budgetTokens = thinking.budget_tokens;
      if (!budgetTokens) refuseAt(['thinking', 'budget_tokens'], 'must be a whole number above 0');
      return { enabled: true, budgetTokens, ...withEffort, ...display };
    }
    default:
      extras.thinking = thinking;
      return effort === undefined ? undefined : { enabled: false, effort };
  }
}
