/** A request's content blocks as parts: each known type by its schema, the others kept as sent. */
import type { CacheMark, MediaSource, Part, TextPart } from '../../core/ask.ts';
import { check, refuseAt } from '../check.ts';
import type { JsonRecord } from '../lenient.ts';
import { asRecord } from '../lenient.ts';
import { keepOthers, type NestedExtras } from '../nested-extras.ts';
import * as schema from './ask-schema.ts';
import { readCitation } from './citations.ts';
import { formatName, vendor } from './names.ts';

export type Path = readonly (string | number)[];
export type Block = JsonRecord & { type: string };

/** A string is shorthand for one block of text. */
export function readContent(value: unknown, path: Path): Block[] {
  const content = check(schema.contentSchema, value, path);
  return typeof content === 'string' ? [{ type: 'text', text: content }] : content;
}

export function readTextBlocks(value: unknown, path: Path, extras: NestedExtras): TextPart[] {
  return readContent(value, path).map((block, index) => {
    const at = [...path, index];
    if (block.type !== 'text') refuseAt([...at, 'type'], 'must be "text"');
    return readText(block, at, extras);
  });
}

export function readBlock(block: Block, path: Path, extras: NestedExtras): Part {
  switch (block.type) {
    case 'text':
      return readText(block, path, extras);
    case 'image':
      return readImage(block, path, extras);
    case 'document':
      return readDocument(block, path, extras);
    case 'tool_use': {
      const use = check(schema.toolUseSchema, block, path);
      keepOthers(block, 'type id name input cache_control', path, extras);
      const text = JSON.stringify(use.input ?? {});
      const mark = readCache(block, path);
      return { type: 'tool-call', id: use.id, name: use.name, kind: 'function', text, ...mark };
    }
    case 'thinking': {
      const { thinking, signature } = check(schema.thinkingSchema, block, path);
      keepOthers(block, 'type thinking signature', path, extras);
      if (!signature) return { type: 'reasoning', text: thinking };
      const seal = { vendor, kind: 'signature', value: signature } as const;
      return { type: 'reasoning', text: thinking, seal };
    }
    case 'redacted_thinking': {
      const { data } = check(schema.redactedSchema, block, path);
      return { type: 'reasoning', seal: { vendor, kind: 'redacted', value: data } };
    }
    default:
      return { type: 'opaque', format: formatName, value: block };
  }
}

export function readCache(block: JsonRecord, path: Path): { cache?: CacheMark } {
  const value = block.cache_control;
  if (value === undefined || value === null) return {};
  const { ttl } = check(schema.cacheSchema, value, [...path, 'cache_control']);
  return { cache: ttl ? { type: 'ephemeral', ttl } : { type: 'ephemeral' } };
}

function readText(block: Block, path: Path, extras: NestedExtras): TextPart {
  const { text, citations } = check(schema.textSchema, block, path);
  keepOthers(block, 'type text citations cache_control', path, extras);
  const part: TextPart = { type: 'text', text, ...readCache(block, path) };
  if (citations?.length) part.citations = citations.map(readCitation);
  return part;
}

function readImage(block: Block, path: Path, extras: NestedExtras): Part {
  const { source } = check(schema.mediaSchema, block, path);
  keepOthers(block, 'type source cache_control', path, extras);
  const media = readSource(source, [...path, 'source'], extras);
  if (media === undefined) return { type: 'opaque', format: formatName, value: block };
  return { type: 'image', source: media, ...readCache(block, path) };
}

function readDocument(block: Block, path: Path, extras: NestedExtras): Part {
  const { source, title, context, citations } = check(schema.documentSchema, block, path);
  const media = readSource(source, [...path, 'source'], extras);
  if (media === undefined) return { type: 'opaque', format: formatName, value: block };
  keepOthers(block, 'type source title context citations cache_control', path, extras);
  const part: Part = { type: 'file', source: media, ...readCache(block, path) };
  if (title) part.name = title;
  if (context) part.context = context;
  if (typeof citations?.enabled === 'boolean') part.citations = citations.enabled;
  return part;
}

/** Gives `undefined` for a kind of source that is not known, or not sayable elsewhere. */
function readSource(source: Block, path: Path, extras: NestedExtras): MediaSource | undefined {
  switch (source.type) {
    case 'base64': {
      const { media_type, data } = check(schema.base64Schema, source, path);
      keepOthers(source, 'type media_type data', path, extras);
      return { kind: 'base64', mediaType: media_type, data };
    }
    case 'url': {
      const { url } = check(schema.urlSchema, source, path);
      keepOthers(source, 'type url', path, extras);
      return { kind: 'url', url };
    }
    case 'file': {
      const { file_id } = check(schema.fileIdSchema, source, path);
      return { kind: 'id', vendor, id: file_id };
    }
    case 'text': {
      const { data, media_type } = check(schema.textSourceSchema, source, path);
      return { kind: 'text', text: data, mediaType: media_type ?? 'text/plain' };
    }
    case 'content':
      return readContentSource(source, path);
    default:
      return undefined;
  }
}

/** A document given as blocks: plain text where they are all text, else only ours to read. */
function readContentSource(source: Block, path: Path): MediaSource | undefined {
  const { content } = check(schema.contentSourceSchema, source, path);
  if (typeof content === 'string') return { kind: 'text', text: content, mediaType: 'text/plain' };
  const texts = content.map((block) => asRecord(block)?.text);
  if (!texts.every((text) => typeof text === 'string')) return undefined;
  return { kind: 'text', text: texts.join('\n'), mediaType: 'text/plain' };
}
