/** Recorded requests in one shape, so that what was read and written again can be compared. */
import { gatewayFields } from '../../lambdas/formats/gateway-fields.ts';
import type { Raw } from './corpus.ts';

/** The places where two values differ, as dotted paths. */
export function differences(a: Raw, b: Raw, path = ''): string[] {
  if (JSON.stringify(a) === JSON.stringify(b)) return [];
  const bothHold = [a, b].every((value) => typeof value === 'object' && value !== null);
  if (!bothHold || Array.isArray(a) !== Array.isArray(b)) return [path];
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].flatMap((name) =>
    differences(a[name], b[name], path === '' ? name : `${path}.${name}`),
  );
}

/** Names in the neutral words, and where either format has what they mean. */
const aliases: Record<string, string[]> = {
  reasoning: ['thinking', 'output_config.effort', 'reasoning_effort'],
  reasoning_effort: ['output_config.effort'],
  stop: ['stop_sequences'],
  'messages.#.reasoning': ['messages.#.reasoning_content', 'messages.#.reasoning_details'],
};

/** Whether a difference was named; positions can shift where messages are put together. */
export function isNamed(path: string, names: readonly string[]): boolean {
  const plain = (text: string) => text.replace(/\b\d+\b/g, '#');
  const at = plain(path);
  const all = names.map(plain).flatMap((name) => [name, ...(aliases[name] ?? [])]);
  return all.some((name) => at === name || within(at, name) || within(name, at));
}

function within(path: string, outer: string): boolean {
  return path.startsWith(`${outer}.`);
}

/** Fields that are `null`, and keys in another order, mean nothing. */
export function tidied(value: Raw): Raw {
  if (Array.isArray(value)) return value.map(tidied);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(
    ([, field]) => field !== null && field !== undefined,
  );
  return Object.fromEntries(
    entries.sort(([a], [b]) => a.localeCompare(b)).map(([name, field]) => [name, tidied(field)]),
  );
}

const blocks = (content: Raw): Raw[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []);

/** A string is a block of text; an empty text is nothing; `output_format` has moved. */
export function plainMessages(body: Raw): Raw {
  const { output_format: format, stream, system, ...rest } = structuredClone(body);
  if (stream === true) rest.stream = true;
  if (format) rest.output_config = { ...rest.output_config, format };
  const named = rest.output_config?.format;
  if (named) rest.output_config.format = { type: named.type, schema: named.schema };
  if (system !== undefined && system.length > 0) rest.system = blocks(system);
  const messages: Raw[] = [];
  for (const { role, content } of body.messages) {
    const plain = blocks(content).filter((block) => block.type !== 'text' || block.text.trim());
    for (const block of plain) {
      if (block.type === 'tool_result' && block.content) block.content = blocks(block.content);
    }
    const last = messages.at(-1);
    if (last?.role === role) last.content.push(...plain);
    else if (plain.length > 0) messages.push({ role, content: plain });
  }
  for (const tool of rest.tools ?? []) {
    if (tool.type === 'custom') delete tool.type;
    if (tool.input_schema) tool.input_schema = { type: 'object', ...tool.input_schema };
  }
  if (rest.tools?.length === 0) delete rest.tools;
  for (const name of ['top_p', 'top_k']) if (rest[name] < 0) delete rest[name];
  return tidied({ ...rest, messages });
}

/** One name for the output cap; what we ask for ourselves is left out; dialects are evened out. */
export function plainChat(body: Raw): Raw {
  const { max_tokens: _, max_completion_tokens: __, ...rest } = structuredClone(body);
  const { functions, function_call: legacyChoice, ...plain } = rest;
  if (functions) plain.tools = functions.map((one: Raw) => ({ type: 'function', function: one }));
  if (legacyChoice) plain.tool_choice = legacyChoice;
  if (plain.tool_choice === 'any') plain.tool_choice = 'required';
  const named = plain.tool_choice?.function ?? plain.tool_choice;
  if (named?.name) plain.tool_choice = { type: 'function', function: { name: named.name } };
  plain.tools = plain.tools?.map((tool: Raw) => ({ type: 'function', ...tool }));
  if (plain.tools?.length === 0) delete plain.tools;
  if (plain.reasoning?.effort) plain.reasoning_effort = plain.reasoning.effort;
  if (plain.logprobs) plain.top_logprobs ??= 0;
  else delete plain.logprobs;
  if (plain.stream_options) delete plain.stream_options.include_usage;
  if (Object.keys(plain.stream_options ?? {}).length === 0) delete plain.stream_options;
  if (plain.stream !== true) delete plain.stream;
  if (typeof plain.stop === 'string') plain.stop = [plain.stop];
  if (plain.n === 1) delete plain.n;
  const format = plain.response_format?.json_schema;
  if (format) format.name ??= 'response';
  for (const name of [...gatewayFields, 'reasoning']) delete plain[name];
  plain.messages = plain.messages.map(plainMessage);
  return tidied(plain);
}

function plainMessage(message: Raw): Raw {
  const { cache_control: mark, ...plain } = message;
  // A result is known by its call; its place among a stream's calls says nothing in a request.
  if (plain.role === 'tool') delete plain.name;
  for (const call of plain.tool_calls ?? []) {
    delete call.index;
    call.type ??= 'function';
  }
  if (plain.tool_calls?.length === 0) delete plain.tool_calls;
  if (plain.reasoning_content === '') delete plain.reasoning_content;
  // A detail without a text or a seal says nothing.
  const details = plain.reasoning_details?.filter(
    (one: Raw) => one.text || one.summary || one.data,
  );
  if (plain.reasoning_details) plain.reasoning_details = details.length > 0 ? details : undefined;
  const content = blocks(plain.content).filter((part) => part.type !== 'text' || part.text !== '');
  for (const part of content) {
    if (typeof part.image_url === 'string') part.image_url = { url: part.image_url };
  }
  const last = content.at(-1);
  if (mark && last) last.cache_control = mark;
  return { ...plain, content };
}
