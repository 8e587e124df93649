/** Writes turns as messages, and names what a message cannot say. */
import type { MediaSource, Part, TextPart, Turn } from '../../core/ask.ts';
import type { Quirks } from '../../core/policy.ts';
import { asRecord, type JsonRecord } from '../lenient.ts';
import { audioFormat, dataUri } from './media.ts';
import { formatName } from './read-turns.ts';
import { writeDetails } from './reasoning.ts';

/** Notes the name of something that could not be said. */
export type Drop = (name: string) => void;

type PartOf<Type extends Part['type']> = Extract<Part, { type: Type }>;

export function writeTurns(turns: readonly Turn[], quirks: Quirks, drop: Drop): JsonRecord[] {
  const messages: JsonRecord[] = [];
  // Tool results can hold only text here: their images follow as a user's, after the last result.
  let carried: JsonRecord[] = [];
  for (const [index, turn] of turns.entries()) {
    const where = `messages.${index}`;
    if (turn.role !== 'tool' && carried.length > 0) {
      messages.push({ role: 'user', content: carried });
      carried = [];
    }
    if (turn.role === 'tool') {
      const { message, media } = writeToolResult(turn, where, drop);
      messages.push(message);
      carried.push(...media);
    } else if (turn.role === 'assistant') {
      messages.push(writeAssistant(turn, quirks, where, drop));
    } else {
      const parts = writeParts(turn.parts, where, drop);
      messages.push({ role: turn.role, content: content(parts) ?? '', ...named(turn) });
    }
  }
  if (carried.length > 0) messages.push({ role: 'user', content: carried });
  return messages;
}

function writeToolResult(turn: Turn & { role: 'tool' }, where: string, drop: Drop) {
  const written = writeParts(turn.parts, where, drop);
  const texts = written.filter((part) => part.type === 'text');
  const media = written.filter((part) => part.type !== 'text');
  if (turn.isError) drop(`${where}.is_error`);
  if (turn.cache) drop(`${where}.cache_control`);
  const message = { role: 'tool', tool_call_id: turn.toolCallId, content: content(texts) ?? '' };
  return { message, media };
}

function writeAssistant(
  turn: Turn & { role: 'assistant' },
  quirks: Quirks,
  where: string,
  drop: Drop,
): JsonRecord {
  const said: Part[] = [];
  const calls: JsonRecord[] = [];
  const refusals: string[] = [];
  const reasoning: PartOf<'reasoning'>[] = [];
  let own: JsonRecord = {};
  for (const [index, part] of turn.parts.entries()) {
    if (part.type === 'reasoning') reasoning.push(part);
    else if (part.type === 'refusal') refusals.push(part.text);
    else if (part.type === 'tool-call') {
      calls.push(writeCall(part));
      if (part.cache) drop(`${where}.tool_calls.${calls.length - 1}.cache_control`);
    } else if (part.type === 'text') said.push(part);
    else if (part.type !== 'opaque') drop(`${where}.content.${index}`);
    else {
      const fields = ownFields(part);
      if (fields === undefined) said.push(part);
      else own = { ...own, ...fields };
    }
  }
  const parts = writeParts(said, where, drop);
  const isSilent = calls.length === 0 && refusals.length === 0;
  return {
    role: 'assistant',
    content: content(parts) ?? (isSilent ? '' : null),
    ...(refusals.length > 0 && { refusal: refusals.join('') }),
    ...(calls.length > 0 && { tool_calls: calls }),
    ...writeReasoning(reasoning, quirks, where, drop),
    ...own,
    ...named(turn),
  };
}

/** Message fields that were read from this format and belong beside the content. */
function ownFields(part: Part): JsonRecord | undefined {
  if (part.type !== 'opaque' || part.format !== formatName) return undefined;
  return asRecord(asRecord(part.value)?.message);
}

function writeReasoning(
  parts: PartOf<'reasoning'>[],
  quirks: Quirks,
  where: string,
  drop: Drop,
): JsonRecord {
  if (parts.length === 0) return {};
  const field = quirks.reasoningField;
  if (field === undefined) {
    drop(`${where}.reasoning`);
    return {};
  }
  if (field === 'reasoning_details') return { [field]: writeDetails(parts) };
  if (parts.some((part) => part.seal !== undefined)) drop(`${where}.reasoning.signature`);
  const text = parts.map((part) => part.text ?? '').join('');
  return text === '' ? {} : { [field]: text };
}

function writeCall(part: PartOf<'tool-call'>): JsonRecord {
  const { id, name, text } = part;
  return part.kind === 'custom'
    ? { id, type: 'custom', custom: { name, input: text } }
    : { id, type: 'function', function: { name, arguments: text || '{}' } };
}

function writeParts(parts: readonly Part[], where: string, drop: Drop): JsonRecord[] {
  const written: JsonRecord[] = [];
  for (const [index, part] of parts.entries()) {
    const place = `${where}.content.${index}`;
    const one = writePart(part, place, drop);
    if (one === undefined) drop(place);
    else written.push(one);
    if ('cache' in part && part.cache && one !== undefined) drop(`${place}.cache_control`);
  }
  return written;
}

function writePart(part: Part, place: string, drop: Drop): JsonRecord | undefined {
  switch (part.type) {
    case 'text':
      return writeText(part, place, drop);
    case 'image':
      return writeImage(part);
    case 'file':
      return writeFile(part, place, drop);
    case 'audio':
      return part.source.kind === 'base64'
        ? {
            type: 'input_audio',
            input_audio: { data: part.source.data, format: audioFormat(part.source.mediaType) },
          }
        : undefined;
    case 'opaque':
      return part.format === formatName && ownFields(part) === undefined
        ? asRecord(part.value)
        : undefined;
    default:
      return undefined;
  }
}

function writeText(part: TextPart, place: string, drop: Drop): JsonRecord {
  if (part.citations !== undefined && part.citations.length > 0) drop(`${place}.citations`);
  return { type: 'text', text: part.text };
}

function writeImage(part: PartOf<'image'>): JsonRecord | undefined {
  const url = urlOf(part.source);
  if (url === undefined) return undefined;
  return { type: 'image_url', image_url: { url, ...(part.detail && { detail: part.detail }) } };
}

function urlOf(source: MediaSource): string | undefined {
  if (source.kind === 'url') return source.url;
  return source.kind === 'base64' ? dataUri(source) : undefined;
}

function writeFile(part: PartOf<'file'>, place: string, drop: Drop): JsonRecord | undefined {
  const { source } = part;
  const isSaid =
    source.kind === 'base64' ||
    source.kind === 'text' ||
    (source.kind === 'id' && source.vendor === 'openai');
  if (!isSaid) return undefined;
  if (part.context !== undefined) drop(`${place}.context`);
  if (part.citations) drop(`${place}.citations`);
  if (source.kind === 'text') {
    if (part.name !== undefined) drop(`${place}.title`);
    return { type: 'text', text: source.text };
  }
  if (source.kind === 'base64') {
    const filename = part.name ?? defaultFileName(source.mediaType);
    return { type: 'file', file: { filename, file_data: dataUri(source) } };
  }
  const name = part.name === undefined ? {} : { filename: part.name };
  return { type: 'file', file: { file_id: source.id, ...name } };
}

/** A name is demanded beside a file's data. */
function defaultFileName(mediaType: string): string {
  return mediaType === 'application/pdf' ? 'document.pdf' : 'document';
}

/** A lone text goes as a string, which every server of this format understands. */
function content(parts: JsonRecord[]): string | JsonRecord[] | undefined {
  const [first] = parts;
  if (first === undefined) return undefined;
  if (parts.length === 1 && first.type === 'text' && typeof first.text === 'string') {
    return first.text;
  }
  return parts;
}

function named(turn: { name?: string }): { name?: string } {
  return turn.name === undefined ? {} : { name: turn.name };
}
