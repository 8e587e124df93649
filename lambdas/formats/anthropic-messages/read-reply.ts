/** Replies as pieces: a stream's events, or a whole message, which is read block by block. */
import type { Piece } from '../../core/piece.ts';
import type { Problem } from '../../core/problem.ts';
import { problem } from '../../core/problem.ts';
import type { PieceReader, StreamEvent } from '../format.ts';
import { UnreadableReply } from '../format.ts';
import type { JsonRecord } from '../lenient.ts';
import { asFilled, asList, asRecord, asText } from '../lenient.ts';
import { readCitation } from './citations.ts';
import { readStreamError } from './errors.ts';
import { formatName, vendor } from './names.ts';
import { readStopReason } from './stop-reasons.ts';
import { mergeUsage, readUsage } from './usage.ts';

/** A content block that is arriving. */
type OpenBlock = {
  value: JsonRecord;
  /** Its number in the pieces; an opaque block gets one when it is whole. */
  block: number | undefined;
  /** Input JSON or other text that is gathered until the block ends. */
  gathered: string;
};

type Reading = {
  blocks: Map<number, OpenBlock>;
  /** The number of the block that began last. */
  lastBlock: number;
  /** The last of them that is no tool call; calls from before it have ended. */
  lastOther: number;
  started: boolean;
  ended: boolean;
  usage: JsonRecord;
  stopReason: string | undefined;
  stopSequence: string | undefined;
};

function begin(): Reading {
  return {
    blocks: new Map(),
    lastBlock: -1,
    lastOther: -1,
    started: false,
    ended: false,
    usage: {},
    stopReason: undefined,
    stopSequence: undefined,
  };
}

export function readPieces(): PieceReader {
  const reading = begin();
  return {
    push(event) {
      const pieces: Piece[] = [];
      if (!reading.ended) readEvent(reading, event, pieces);
      return pieces;
    },
    end() {
      const pieces: Piece[] = [];
      if (reading.ended) return pieces;
      if (reading.stopReason === undefined) {
        fail(reading, problem('upstream_failed', 'The provider stopped in mid-reply.'), pieces);
      } else finish(reading, pieces);
      return pieces;
    },
  };
}

export function readWhole(body: unknown): Piece[] {
  const message = asRecord(body);
  if (message === undefined || !Array.isArray(message.content)) {
    throw new UnreadableReply('the reply is not a message with a list of content');
  }
  const reading = begin();
  const pieces: Piece[] = [];
  start(reading, message, pieces);
  finish(reading, pieces);
  return pieces;
}

function readEvent(reading: Reading, event: StreamEvent, pieces: Piece[]): void {
  const value = parse(event.data);
  if (value === undefined) {
    fail(reading, problem('upstream_failed', 'The provider sent an unreadable event.'), pieces);
    return;
  }
  const index = typeof value.index === 'number' ? value.index : -1;
  switch (value.type ?? event.event) {
    case 'message_start':
      start(reading, asRecord(value.message) ?? {}, pieces);
      return;
    case 'content_block_start':
      startBlock(reading, index, asRecord(value.content_block) ?? {}, pieces);
      return;
    case 'content_block_delta':
      readDelta(reading, index, asRecord(value.delta) ?? {}, pieces);
      return;
    case 'content_block_stop':
      stopBlock(reading, index, pieces);
      return;
    case 'message_delta':
      readStop(reading, asRecord(value.delta) ?? {});
      reading.usage = mergeUsage(reading.usage, asRecord(value.usage) ?? {});
      return;
    case 'message_stop':
      finish(reading, pieces);
      return;
    case 'error':
      fail(reading, readStreamError(value), pieces);
      return;
    default:
      return;
  }
}

function parse(data: string): JsonRecord | undefined {
  try {
    return asRecord(JSON.parse(data));
  } catch {
    return undefined;
  }
}

/** A message can begin with blocks in it, and even be whole. A second beginning is no news. */
function start(reading: Reading, message: JsonRecord, pieces: Piece[]): void {
  if (reading.started) return;
  reading.started = true;
  const id = asFilled(message.id);
  const model = asFilled(message.model);
  pieces.push({
    type: 'reply-start',
    ...(id === undefined ? {} : { id }),
    ...(model === undefined ? {} : { model }),
  });
  reading.usage = mergeUsage({}, asRecord(message.usage) ?? {});
  asList(message.content).forEach((content, place) => {
    startBlock(reading, -2 - place, asRecord(content) ?? {}, pieces);
    stopBlock(reading, -2 - place, pieces);
  });
  readStop(reading, message);
}

function readStop(reading: Reading, from: JsonRecord): void {
  reading.stopReason = asFilled(from.stop_reason) ?? reading.stopReason;
  reading.stopSequence = asText(from.stop_sequence) ?? reading.stopSequence;
}

function startBlock(reading: Reading, index: number, value: JsonRecord, pieces: Piece[]): void {
  ensureStarted(reading, pieces);
  const open: OpenBlock = { value, block: undefined, gathered: '' };
  reading.blocks.set(index, open);
  switch (value.type) {
    case 'text':
      addText(reading, open, asFilled(value.text), pieces);
      for (const citation of asList(value.citations)) addCitation(reading, open, citation, pieces);
      return;
    case 'thinking':
      addReasoning(reading, open, asFilled(value.thinking), pieces);
      addSignature(reading, open, asFilled(value.signature), pieces);
      return;
    case 'redacted_thinking': {
      const block = number(reading, open);
      const seal = { vendor, kind: 'redacted', value: asText(value.data) ?? '' } as const;
      pieces.push({ type: 'reasoning-seal', block, seal });
      return;
    }
    case 'tool_use': {
      const block = number(reading, open);
      const id = asText(value.id) ?? '';
      const name = asText(value.name) ?? '';
      pieces.push({ type: 'tool-call-start', block, id, name, kind: 'function' });
      return;
    }
    default:
      return;
  }
}

function readDelta(reading: Reading, index: number, delta: JsonRecord, pieces: Piece[]): void {
  const open = reading.blocks.get(index);
  if (open === undefined) return;
  const own = open.value.type;
  switch (delta.type) {
    case 'text_delta':
      addText(reading, open, asFilled(delta.text), pieces);
      return;
    case 'citations_delta':
      addCitation(reading, open, delta.citation, pieces);
      return;
    case 'thinking_delta':
      addReasoning(reading, open, asFilled(delta.thinking), pieces);
      return;
    case 'signature_delta':
      addSignature(reading, open, asFilled(delta.signature), pieces);
      return;
    case 'input_json_delta': {
      const text = asFilled(delta.partial_json);
      if (text === undefined) return;
      open.gathered += text;
      if (own === 'tool_use' && open.block !== undefined) {
        if (hasPassed(reading, open.block)) {
          throw new UnreadableReply('a tool call goes on after another block has begun');
        }
        pieces.push({ type: 'tool-call-delta', block: open.block, text });
      }
      return;
    }
    default:
      // A delta of a kind of its own, such as `compaction_delta`, brings fields of its block.
      open.value = { ...open.value, ...delta, type: own };
  }
}

function stopBlock(reading: Reading, index: number, pieces: Piece[]): void {
  const open = reading.blocks.get(index);
  if (open === undefined) return;
  reading.blocks.delete(index);
  const { value, gathered } = open;
  switch (value.type) {
    case 'text':
    case 'thinking':
    case 'redacted_thinking':
      return;
    case 'tool_use':
      // A call without arguments streams nothing: it still has an empty object for input.
      if (gathered === '' && open.block !== undefined && !hasPassed(reading, open.block)) {
        const text = JSON.stringify(asRecord(value.input) ?? {});
        pieces.push({ type: 'tool-call-delta', block: open.block, text });
      }
      return;
    default: {
      const whole = gathered === '' ? value : { ...value, input: parse(gathered) ?? gathered };
      const block = number(reading, open);
      pieces.push({ type: 'opaque', block, format: formatName, value: whole });
    }
  }
}

function addText(
  reading: Reading,
  open: OpenBlock,
  text: string | undefined,
  pieces: Piece[],
): void {
  if (text === undefined) return;
  pieces.push({ type: 'text-delta', block: number(reading, open), text });
}

function addReasoning(
  reading: Reading,
  open: OpenBlock,
  text: string | undefined,
  pieces: Piece[],
): void {
  if (text === undefined) return;
  pieces.push({ type: 'reasoning-delta', block: number(reading, open), text });
}

function addSignature(
  reading: Reading,
  open: OpenBlock,
  value: string | undefined,
  pieces: Piece[],
): void {
  if (value === undefined) return;
  const seal = { vendor, kind: 'signature', value } as const;
  pieces.push({ type: 'reasoning-seal', block: number(reading, open), seal });
}

function addCitation(reading: Reading, open: OpenBlock, value: unknown, pieces: Piece[]): void {
  const citation = asRecord(value);
  if (citation === undefined) return;
  pieces.push({
    type: 'citation',
    block: number(reading, open),
    citation: readCitation(citation),
  });
}

/** Deltas of a block are contiguous: one that comes back after another began is a new block. */
function number(reading: Reading, open: OpenBlock): number {
  if (open.block === undefined || open.block !== reading.lastBlock) {
    reading.lastBlock += 1;
    open.block = reading.lastBlock;
    if (open.value.type !== 'tool_use') reading.lastOther = open.block;
  }
  return open.block;
}

/** Calls may take turns with each other, but with nothing else. */
function hasPassed(reading: Reading, block: number): boolean {
  return block < reading.lastOther;
}

function ensureStarted(reading: Reading, pieces: Piece[]): void {
  if (!reading.started) start(reading, {}, pieces);
}

function finish(reading: Reading, pieces: Piece[]): void {
  ensureStarted(reading, pieces);
  for (const index of [...reading.blocks.keys()]) stopBlock(reading, index, pieces);
  reportUsage(reading, pieces);
  const word = reading.stopReason ?? 'end_turn';
  const { stopSequence } = reading;
  pieces.push({
    type: 'reply-end',
    reason: readStopReason(word),
    ...(stopSequence === undefined ? {} : { stopSequence }),
  });
}

/** What was reported so far is still told: it is what the upstream will bill at least. */
function fail(reading: Reading, because: Problem, pieces: Piece[]): void {
  ensureStarted(reading, pieces);
  reportUsage(reading, pieces);
  pieces.push({ type: 'reply-end', reason: 'error', problem: because });
}

function reportUsage(reading: Reading, pieces: Piece[]): void {
  const usage = readUsage(reading.usage);
  if (usage !== undefined) pieces.push({ type: 'usage', usage });
  reading.ended = true;
}
