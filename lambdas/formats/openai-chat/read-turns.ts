/** Reads a caller's messages: one message, one turn, so that positions keep their meaning. */
import type { CacheMark, Part, TextPart, Turn } from '../../core/ask.ts';
import { check, refuseAt } from '../check.ts';
import type { JsonRecord } from '../lenient.ts';
import {
  assistantSchema,
  audioPartSchema,
  type Body,
  customCallSchema,
  filePartSchema,
  functionCallSchema,
  functionMessageSchema,
  imagePartSchema,
  messageSchema,
  refusalPartSchema,
  textPartSchema,
  toolMessageSchema,
} from './ask-schema.ts';
import { sourceOfFileData, sourceOfUrl } from './media.ts';
import { readDetails } from './reasoning.ts';

export const formatName = 'openai-chat';

type Path = readonly (string | number)[];
type Content = string | ({ type: string } & JsonRecord)[] | null | undefined;

export function readTurns(messages: Body['messages']): Turn[] {
  // Legacy function messages name a function, not a call: the ids are ours.
  const legacyCalls: { id: string; name: string }[] = [];
  return messages.map((message, index) => readTurn(message, ['messages', index], legacyCalls));
}

function readTurn(
  message: { role: string } & JsonRecord,
  path: Path,
  legacyCalls: { id: string; name: string }[],
): Turn {
  switch (message.role) {
    case 'system':
    case 'developer':
      return readInstruction(message.role, message, path);
    case 'user':
      return readUser(message, path);
    case 'assistant':
      return readAssistant(message, path, legacyCalls);
    case 'tool':
      return readToolResult(message, path);
    case 'function':
      return readFunctionResult(message, path, legacyCalls);
    default:
      return refuseAt(
        [...path, 'role'],
        'must be one of "system", "developer", "user", "assistant", "tool"',
      );
  }
}

function readInstruction(role: 'system' | 'developer', message: JsonRecord, path: Path): Turn {
  const { content, name, cache_control } = check(messageSchema, message, path);
  const parts = readContent(content, [...path, 'content']);
  const texts = parts.filter((part) => part.type === 'text');
  if (texts.length < parts.length) refuseAt([...path, 'content'], 'must be text');
  return { role, parts: markLast(texts, cache_control), ...named(name) };
}

function readUser(message: JsonRecord, path: Path): Turn {
  const { content, name, cache_control } = check(messageSchema, message, path);
  if (content === undefined || content === null) {
    refuseAt([...path, 'content'], 'must be a string, or a list of parts');
  }
  const parts = readContent(content, [...path, 'content']);
  return { role: 'user', parts: markLast(parts, cache_control), ...named(name) };
}

function readAssistant(
  message: JsonRecord,
  path: Path,
  legacyCalls: { id: string; name: string }[],
): Turn {
  const said = check(assistantSchema, message, path);
  const parts: Part[] = readReasoning(said);
  parts.push(...readContent(said.content, [...path, 'content']));
  if (said.refusal) parts.push({ type: 'refusal', text: said.refusal });
  for (const [index, call] of (said.tool_calls ?? []).entries()) {
    parts.push(readCall(call, [...path, 'tool_calls', index]));
  }
  if (said.function_call) {
    const { name, arguments: text } = said.function_call;
    const id = `call_legacy_${legacyCalls.length}`;
    legacyCalls.push({ id, name });
    parts.push({ type: 'tool-call', id, name, kind: 'function', text });
  }
  const unknown = unknownFields(message);
  if (unknown !== undefined) {
    parts.push({ type: 'opaque', format: formatName, value: { message: unknown } });
  }
  return { role: 'assistant', parts: markLast(parts, said.cache_control), ...named(said.name) };
}

const assistantFields = new Set(['role', ...Object.keys(assistantSchema.def.shape)]);

/** Fields of an assistant message such as `audio` or `prefix`: never lost silently. */
function unknownFields(message: JsonRecord): JsonRecord | undefined {
  const unknown = Object.entries(message).filter(
    ([name, value]) => !assistantFields.has(name) && value !== null && value !== undefined,
  );
  // A reply sent back as it came carries its annotations: they are no part of what is asked.
  const meant = unknown.filter(([name]) => name !== 'annotations');
  return meant.length === 0 ? undefined : Object.fromEntries(meant);
}

function readReasoning(said: {
  reasoning_content?: string | null;
  reasoning?: string | null;
  reasoning_details?: unknown[] | null;
}): Part[] {
  const details = readDetails(said.reasoning_details);
  const text = said.reasoning_content || said.reasoning;
  const parts: Part[] = details.map((detail) => ({ type: 'reasoning', ...detail }));
  if (text && !details.some((detail) => detail.text !== undefined)) {
    parts.unshift({ type: 'reasoning', text });
  }
  return parts;
}

function readCall(call: { id: string; type?: string | null } & JsonRecord, path: Path): Part {
  const { id } = call;
  if (call.type === 'custom') {
    const { custom } = check(customCallSchema, call, path);
    return { type: 'tool-call', id, name: custom.name, kind: 'custom', text: custom.input };
  }
  if (call.type !== undefined && call.type !== null && call.type !== 'function') {
    refuseAt([...path, 'type'], 'must be one of "function", "custom"');
  }
  const called = check(functionCallSchema, call, path).function;
  return { type: 'tool-call', id, name: called.name, kind: 'function', text: called.arguments };
}

function readToolResult(message: JsonRecord, path: Path): Turn {
  const said = check(toolMessageSchema, message, path);
  const parts = readContent(said.content, [...path, 'content']);
  const cache = readCache(said.cache_control);
  return { role: 'tool', toolCallId: said.tool_call_id, parts, ...(cache && { cache }) };
}

function readFunctionResult(
  message: JsonRecord,
  path: Path,
  legacyCalls: { id: string; name: string }[],
): Turn {
  const { name, content } = check(functionMessageSchema, message, path);
  const call = legacyCalls.findLast((one) => one.name === name);
  if (call === undefined) refuseAt([...path, 'name'], 'names no function that was called before');
  return { role: 'tool', toolCallId: call.id, parts: readContent(content, [...path, 'content']) };
}

function readContent(content: Content, path: Path): Part[] {
  if (content === undefined || content === null) return [];
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  return content.map((part, index) => readPart(part, [...path, index]));
}

function readPart(part: { type: string } & JsonRecord, path: Path): Part {
  switch (part.type) {
    case 'text': {
      const { text, cache_control } = check(textPartSchema, part, path);
      return withCache({ type: 'text', text }, cache_control);
    }
    case 'refusal':
      return { type: 'refusal', text: check(refusalPartSchema, part, path).refusal };
    case 'image_url': {
      const { image_url: image, cache_control } = check(imagePartSchema, part, path);
      const { url, detail } = typeof image === 'string' ? { url: image, detail: null } : image;
      return withCache(
        { type: 'image', source: sourceOfUrl(url), ...(detail && { detail }) },
        cache_control,
      );
    }
    case 'file':
      return readFile(part, path);
    case 'input_audio': {
      const { input_audio: audio } = check(audioPartSchema, part, path);
      // Mistral takes a bare string here, whose kind only it can tell.
      if (typeof audio === 'string') return { type: 'opaque', format: formatName, value: part };
      const { data, format } = audio;
      return { type: 'audio', source: { kind: 'base64', mediaType: `audio/${format}`, data } };
    }
    default:
      return { type: 'opaque', format: formatName, value: part };
  }
}

function readFile(part: JsonRecord, path: Path): Part {
  const { file, cache_control } = check(filePartSchema, part, path);
  const name = file.filename ? { name: file.filename } : {};
  if (file.file_id) {
    const source = { kind: 'id', vendor: 'openai', id: file.file_id } as const;
    return withCache({ type: 'file', source, ...name }, cache_control);
  }
  if (!file.file_data) refuseAt([...path, 'file'], 'must have a file_id or file_data');
  const source = sourceOfFileData(file.file_data);
  return withCache({ type: 'file', source, ...name }, cache_control);
}

type CacheControl = { type: string; ttl?: string | null } | null | undefined;

/** OpenRouter's mark for prompt caching, in Anthropic's words. */
export function readCache(control: CacheControl): CacheMark | undefined {
  if (control?.type !== 'ephemeral') return undefined;
  const { ttl } = control;
  return ttl === '5m' || ttl === '1h' ? { type: 'ephemeral', ttl } : { type: 'ephemeral' };
}

function withCache<T extends Part>(part: T, control: CacheControl): T {
  const cache = readCache(control);
  return cache === undefined ? part : { ...part, cache };
}

/** A mark on a whole message stands for one on its last part. */
function markLast<T extends Part | TextPart>(parts: T[], control: CacheControl): T[] {
  const cache = readCache(control);
  const last = parts.findLastIndex((part) => canBeMarked(part));
  if (cache === undefined || last === -1) return parts;
  return parts.map((part, index) => (index === last ? { ...part, cache } : part));
}

function canBeMarked(part: Part): boolean {
  return ['text', 'image', 'file', 'tool-call'].includes(part.type);
}

function named(name: string | null | undefined): { name?: string } {
  return name ? { name } : {};
}
