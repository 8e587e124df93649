/**
 * Turns as a Messages conversation. Every system and developer turn goes, in order, into `system`,
 * the only place for them that all models know; one from mid-conversation loses its place, and is
 * named. Results of tools and a user's words that follow one another become one user message.
 */
import type { CacheMark, MediaSource, Part, TextPart, Turn } from '../../core/ask.ts';
import type { JsonRecord } from '../lenient.ts';
import { writeCitation } from './citations.ts';
import { formatName, vendor } from './names.ts';
import { createToolIds, readArguments } from './tool-ids.ts';

export type Message = { role: 'user' | 'assistant'; content: JsonRecord[] };
export type Conversation = { system: JsonRecord[]; messages: Message[] };

type Writer = {
  dropped: string[];
  toolId: (id: string) => string;
};

const imageTypes = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];

export function writeTurns(turns: readonly Turn[], dropped: string[]): Conversation {
  const writer: Writer = { dropped, toolId: createToolIds() };
  const conversation: Conversation = { system: [], messages: [] };
  turns.forEach((turn, index) => {
    const path = `messages.${index}`;
    if ('name' in turn && turn.name !== undefined) dropped.push(`${path}.name`);
    if (turn.role === 'system' || turn.role === 'developer') {
      conversation.system.push(...writeParts(turn.parts, path, writer));
      if (conversation.messages.length > 0) dropped.push(`${path}.role`);
      return;
    }
    addMessage(conversation.messages, writeTurn(turn, path, writer));
  });
  // Instructions alone are no conversation here: they become what the user says.
  if (conversation.messages.length === 0 && conversation.system.length > 0) {
    conversation.messages.push({ role: 'user', content: conversation.system });
    conversation.system = [];
    dropped.push('messages.0.role');
  }
  trimPrefill(conversation.messages.at(-1));
  return conversation;
}

function writeTurn(turn: Turn, path: string, writer: Writer): Message {
  if (turn.role === 'assistant') {
    return { role: 'assistant', content: writeParts(turn.parts, path, writer) };
  }
  if (turn.role !== 'tool') return { role: 'user', content: writeParts(turn.parts, path, writer) };
  const content = writeParts(turn.parts, path, writer);
  const result: JsonRecord = { type: 'tool_result', tool_use_id: writer.toolId(turn.toolCallId) };
  if (content.length > 0) result.content = content;
  if (turn.isError !== undefined) result.is_error = turn.isError;
  return { role: 'user', content: [{ ...result, ...writeCache(turn.cache) }] };
}

function addMessage(messages: Message[], message: Message): void {
  if (message.content.length === 0) return;
  const last = messages.at(-1);
  if (last?.role === message.role) last.content.push(...message.content);
  else messages.push(message);
}

/** What the assistant is to continue from must not end in white space. */
function trimPrefill(last: Message | undefined): void {
  const block = last?.role === 'assistant' ? last.content.at(-1) : undefined;
  if (block?.type === 'text' && typeof block.text === 'string') block.text = block.text.trimEnd();
}

function writeParts(parts: readonly Part[], path: string, writer: Writer): JsonRecord[] {
  return parts.flatMap((part, index) => {
    const block = writePart(part, writer);
    if (block === undefined) writer.dropped.push(`${path}.content.${index}`);
    return block ?? [];
  });
}

/** Gives `undefined` for a part that cannot be said here, and none for one that says nothing. */
function writePart(part: Part, writer: Writer): JsonRecord[] | undefined {
  switch (part.type) {
    case 'text':
      return writeText(part);
    case 'refusal':
      return writeText({ type: 'text', text: part.text });
    case 'image': {
      const source = writeImageSource(part.source);
      return source && [{ type: 'image', source, ...writeCache(part.cache) }];
    }
    case 'file':
      return writeFile(part);
    case 'tool-call': {
      const { name, cache } = part;
      const input = part.kind === 'custom' ? { input: part.text } : readArguments(part.text);
      const id = writer.toolId(part.id);
      return [{ type: 'tool_use', id, name, input, ...writeCache(cache) }];
    }
    case 'reasoning':
      return writeReasoning(part);
    case 'opaque':
      return part.format === formatName ? [part.value as JsonRecord] : undefined;
    case 'audio':
      return undefined;
  }
}

/** Text without a visible character is refused here, and says nothing: it is left out. */
function writeText(part: TextPart): JsonRecord[] {
  if (part.text.trim() === '') return [];
  const block: JsonRecord = { type: 'text', text: part.text };
  const own = part.citations?.filter((citation) => citation.raw?.format === formatName) ?? [];
  if (own.length > 0) block.citations = own.map(writeCitation);
  return [{ ...block, ...writeCache(part.cache) }];
}

/** Reasoning goes back only with the seal that proves whose it is. */
function writeReasoning(part: Extract<Part, { type: 'reasoning' }>): JsonRecord[] | undefined {
  const { seal } = part;
  if (seal?.vendor !== vendor) return undefined;
  if (seal.kind === 'redacted') return [{ type: 'redacted_thinking', data: seal.value }];
  if (seal.kind !== 'signature') return undefined;
  return [{ type: 'thinking', thinking: part.text ?? '', signature: seal.value }];
}

function writeImageSource(source: MediaSource): JsonRecord | undefined {
  switch (source.kind) {
    case 'url':
      return { type: 'url', url: source.url };
    case 'base64':
      return { type: 'base64', media_type: source.mediaType, data: source.data };
    case 'id':
      return source.vendor === vendor ? { type: 'file', file_id: source.id } : undefined;
    case 'text':
      return undefined;
  }
}

function writeFile(part: Extract<Part, { type: 'file' }>): JsonRecord[] | undefined {
  const { source, name, context, citations } = part;
  const cache = writeCache(part.cache);
  // A picture sent as a file is still a picture.
  if (source.kind === 'base64' && imageTypes.includes(source.mediaType)) {
    return [{ type: 'image', source: writeImageSource(source), ...cache }];
  }
  const written = writeFileSource(source);
  if (written === undefined) return undefined;
  const block: JsonRecord = { type: 'document', source: written };
  if (name !== undefined) block.title = name;
  if (context !== undefined) block.context = context;
  if (citations !== undefined) block.citations = { enabled: citations };
  return [{ ...block, ...cache }];
}

function writeFileSource(source: MediaSource): JsonRecord | undefined {
  if (source.kind === 'text') return plainText(source.text);
  if (source.kind !== 'base64') return writeImageSource(source);
  const mediaType = source.mediaType.split(';', 1)[0] ?? '';
  if (/^text\/|^application\/(json|xml|x-yaml)$/.test(mediaType)) {
    return plainText(Buffer.from(source.data, 'base64').toString());
  }
  if (mediaType !== 'application/pdf') return undefined;
  return { type: 'base64', media_type: mediaType, data: source.data };
}

function plainText(data: string): JsonRecord {
  return { type: 'text', media_type: 'text/plain', data };
}

export function writeCache(cache: CacheMark | undefined): { cache_control?: CacheMark } {
  return cache === undefined ? {} : { cache_control: cache };
}
