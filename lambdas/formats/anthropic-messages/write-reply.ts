/** Pieces as a reply: a stream's events, or the message that those events add up to. */
import type { Piece } from '../../core/piece.ts';
import { problem } from '../../core/problem.ts';
import type { Usage } from '../../core/usage.ts';
import type { PieceWriter, ReplyContext, StreamEvent } from '../format.ts';
import type { JsonRecord } from '../lenient.ts';
import { asRecord } from '../lenient.ts';
import { writeCitation } from './citations.ts';
import { writeError } from './errors.ts';
import { formatName, vendor } from './names.ts';
import { writeStopReason } from './stop-reasons.ts';
import { readArguments } from './tool-ids.ts';
import { writeUsage } from './usage.ts';

type Event = JsonRecord & { type: string };
type Kind = 'text' | 'thinking' | 'tool_use' | 'custom_tool_use';
type PieceOf<Type extends Piece['type']> = Extract<Piece, { type: Type }>;

type Writing = {
  context: ReplyContext;
  /** Blocks that have begun and not ended, by their number in the pieces. */
  open: Map<number, { index: number; kind: Kind }>;
  nextIndex: number;
  started: boolean;
  ended: boolean;
  refused: boolean;
  usage: Usage | undefined;
  events: Event[];
};

export function writePieces(context: ReplyContext): PieceWriter {
  const writing = begin(context);
  return {
    push(piece) {
      if (!writing.ended) writePiece(writing, piece);
      return framed(writing);
    },
    end() {
      if (!writing.ended) fail(writing, undefined);
      return framed(writing);
    },
  };
}

export function writeWhole(pieces: readonly Piece[], context: ReplyContext): unknown {
  const writing = begin(context);
  for (const piece of pieces) if (!writing.ended) writePiece(writing, piece);
  if (!writing.ended) fail(writing, undefined);
  return gather(writing.events);
}

function begin(context: ReplyContext): Writing {
  return {
    context,
    open: new Map(),
    nextIndex: 0,
    started: false,
    ended: false,
    refused: false,
    usage: undefined,
    events: [],
  };
}

function framed(writing: Writing): StreamEvent[] {
  const events = writing.events.map((event) => ({
    event: event.type,
    data: JSON.stringify(event),
  }));
  writing.events.length = 0;
  return events;
}

function writePiece(writing: Writing, piece: Piece): void {
  if (!writing.started) start(writing, piece);
  switch (piece.type) {
    case 'reply-start':
      return;
    case 'refusal-delta':
      writing.refused = true;
      addDelta(writing, piece.block, 'text', { type: 'text_delta', text: piece.text });
      return;
    case 'text-delta':
      addDelta(writing, piece.block, 'text', { type: 'text_delta', text: piece.text });
      return;
    case 'citation': {
      const citation = writeCitation(piece.citation);
      addDelta(writing, piece.block, 'text', { type: 'citations_delta', citation });
      return;
    }
    case 'reasoning-delta': {
      const delta = { type: 'thinking_delta', thinking: piece.text };
      addDelta(writing, piece.block, 'thinking', delta);
      return;
    }
    case 'reasoning-seal':
      writeSeal(writing, piece);
      return;
    case 'tool-call-start':
      startCall(writing, piece);
      return;
    case 'tool-call-delta':
      addArguments(writing, piece);
      return;
    case 'opaque':
      if (piece.format === formatName) writeWholeBlock(writing, asRecord(piece.value) ?? {});
      return;
    case 'usage':
      writing.usage = piece.usage;
      return;
    case 'reply-end':
      end(writing, piece);
      return;
    // Nothing in a reply of this format can carry these.
    case 'logprobs':
    case 'media':
      return;
  }
}

/** Tokens are not known yet: the last event tells them, and clients take them from there. */
function start(writing: Writing, piece: Piece): void {
  writing.started = true;
  const from = piece.type === 'reply-start' ? piece : undefined;
  writing.events.push({
    type: 'message_start',
    message: {
      id: from?.id ?? `msg_${writing.context.callId}`,
      type: 'message',
      role: 'assistant',
      model: from?.model ?? writing.context.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { input_tokens: 0, output_tokens: 0 },
    },
  });
}

function addDelta(writing: Writing, block: number, kind: 'text' | 'thinking', delta: JsonRecord) {
  let open = writing.open.get(block);
  if (open?.kind !== kind) {
    closeAll(writing);
    const empty =
      kind === 'text'
        ? { type: 'text', text: '' }
        : { type: 'thinking', thinking: '', signature: '' };
    open = openBlock(writing, block, kind, empty);
  }
  writing.events.push({ type: 'content_block_delta', index: open.index, delta });
}

function openBlock(writing: Writing, block: number, kind: Kind, content: JsonRecord) {
  const open = { index: writing.nextIndex, kind };
  writing.nextIndex += 1;
  writing.open.set(block, open);
  const event = { type: 'content_block_start', index: open.index, content_block: content };
  writing.events.push(event);
  return open;
}

/** Only this vendor's own seals mean anything to whoever sends them back in this format. */
function writeSeal(writing: Writing, piece: PieceOf<'reasoning-seal'>): void {
  const { seal, block } = piece;
  if (seal.vendor !== vendor) return;
  if (seal.kind === 'redacted') {
    writeWholeBlock(writing, { type: 'redacted_thinking', data: seal.value });
  } else if (seal.kind === 'signature') {
    const delta = { type: 'signature_delta', signature: seal.value };
    addDelta(writing, block, 'thinking', delta);
  }
}

/** Calls may interleave, so that a call stays open while the next one begins. */
function startCall(writing: Writing, piece: PieceOf<'tool-call-start'>): void {
  for (const [block, open] of writing.open) {
    if (open.kind === 'text' || open.kind === 'thinking') close(writing, block);
  }
  const id = piece.id === '' ? `toolu_${writing.nextIndex}_${writing.context.callId}` : piece.id;
  const kind = piece.kind === 'custom' ? 'custom_tool_use' : 'tool_use';
  const content = { type: 'tool_use', id, name: piece.name, input: {} };
  const open = openBlock(writing, piece.block, kind, content);
  if (kind === 'custom_tool_use') addJson(writing, open.index, '{"input":"');
}

/** Free text of a custom tool is the one string in its input: escaped as it arrives. */
function addArguments(writing: Writing, piece: PieceOf<'tool-call-delta'>): void {
  const open = writing.open.get(piece.block);
  if (open === undefined) return;
  const custom = open.kind === 'custom_tool_use';
  addJson(writing, open.index, custom ? JSON.stringify(piece.text).slice(1, -1) : piece.text);
}

function addJson(writing: Writing, index: number, text: string): void {
  const delta = { type: 'input_json_delta', partial_json: text };
  writing.events.push({ type: 'content_block_delta', index, delta });
}

function writeWholeBlock(writing: Writing, content: JsonRecord): void {
  closeAll(writing);
  const index = writing.nextIndex;
  writing.nextIndex += 1;
  writing.events.push(
    { type: 'content_block_start', index, content_block: content },
    { type: 'content_block_stop', index },
  );
}

function closeAll(writing: Writing): void {
  for (const block of writing.open.keys()) close(writing, block);
}

function close(writing: Writing, block: number): void {
  const open = writing.open.get(block);
  if (open === undefined) return;
  if (open.kind === 'custom_tool_use') addJson(writing, open.index, '"}');
  writing.open.delete(block);
  writing.events.push({ type: 'content_block_stop', index: open.index });
}

function end(writing: Writing, piece: PieceOf<'reply-end'>): void {
  if (piece.reason === 'error') {
    fail(writing, piece);
    return;
  }
  closeAll(writing);
  const refused = writing.refused && piece.reason === 'stop';
  const delta = {
    stop_reason: refused ? 'refusal' : writeStopReason(piece.reason),
    stop_sequence: piece.stopSequence ?? null,
  };
  const usage = writeUsage(writing.usage, writing.context.costUsd?.());
  writing.events.push({ type: 'message_delta', delta, usage }, { type: 'message_stop' });
  writing.ended = true;
}

/** Never silence: who waits for the end of a reply gets one, even where there is no reply. */
function fail(writing: Writing, piece: PieceOf<'reply-end'> | undefined): void {
  const because =
    piece?.problem ?? problem('upstream_failed', 'The provider stopped in mid-reply.');
  writing.events.push(writeError(because, writing.context.callId) as Event);
  writing.ended = true;
}

type Gathered = { content: JsonRecord; json: string };

/** What a client would gather from the events; an error event replaces all before it. */
function gather(events: readonly Event[]): unknown {
  let message: JsonRecord = {};
  const blocks: Gathered[] = [];
  for (const event of events) {
    switch (event.type) {
      case 'message_start':
        message = { ...asRecord(event.message) };
        break;
      case 'content_block_start':
        blocks.push({ content: { ...asRecord(event.content_block) }, json: '' });
        break;
      case 'content_block_delta':
        gatherDelta(blocks[event.index as number], event.delta as JsonRecord);
        break;
      case 'message_delta':
        message = { ...message, ...asRecord(event.delta), usage: event.usage };
        break;
      case 'error':
        return event;
      default:
        break;
    }
  }
  message.content = blocks.map(({ content, json }) =>
    json === '' ? content : { ...content, input: readArguments(json) },
  );
  return message;
}

function gatherDelta(block: Gathered | undefined, delta: JsonRecord): void {
  if (block === undefined) return;
  const { content } = block;
  switch (delta.type) {
    case 'text_delta':
      content.text = `${content.text}${delta.text}`;
      break;
    case 'thinking_delta':
      content.thinking = `${content.thinking}${delta.thinking}`;
      break;
    case 'signature_delta':
      content.signature = delta.signature;
      break;
    case 'citations_delta':
      content.citations = [...((content.citations as unknown[]) ?? []), delta.citation];
      break;
    case 'input_json_delta':
      block.json += delta.partial_json;
      break;
    default:
      break;
  }
}
