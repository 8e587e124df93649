/** Writes pieces as chunks of a stream, as the official clients expect them. */
import type { Piece } from '../../core/piece.ts';
import { problem } from '../../core/problem.ts';
import type { Usage } from '../../core/usage.ts';
import type { PieceWriter, ReplyContext, StreamEvent } from '../format.ts';
import type { JsonRecord } from '../lenient.ts';
import { writeCitation } from './citations.ts';
import { writeStreamError } from './errors.ts';
import { writeTokenLogprob } from './logprobs.ts';
import { dataUri } from './media.ts';
import { ownAudio } from './own-audio.ts';
import { writeDetails } from './reasoning.ts';
import { writeStop } from './stop-reason.ts';
import { writeUsage } from './usage.ts';

type Call = { index: number; kind: 'function' | 'custom'; hasText: boolean };

export function writePieces(context: ReplyContext): PieceWriter {
  const writer = new ChunkWriter(context);
  return { push: (piece) => writer.push(piece), end: () => writer.end() };
}

class ChunkWriter {
  readonly #context: ReplyContext;
  /** Every chunk begins alike, so its beginning is made once. */
  #head = '';
  #usage: Usage | undefined;
  readonly #calls = new Map<number, Call>();
  #hasEnded = false;
  #refusalBlock: number | undefined;
  #contentChars = 0;
  /** The text block under way, and how much content came before it. */
  #text: { block: number; before: number } | undefined;

  constructor(context: ReplyContext) {
    this.#context = context;
  }

  push(piece: Piece): StreamEvent[] {
    if (this.#hasEnded) return [];
    switch (piece.type) {
      case 'reply-start':
        return this.#start(piece);
      case 'usage':
        this.#usage = piece.usage;
        return [];
      case 'reply-end':
        return this.#finish(piece);
      case 'logprobs':
        return [this.#logprobs(piece)];
      default: {
        const delta = this.#delta(piece);
        return delta === undefined ? [] : [this.#chunk(delta)];
      }
    }
  }

  end(): StreamEvent[] {
    const cut = problem('upstream_failed', 'The provider stopped before the end of its answer.');
    return this.push({ type: 'reply-end', reason: 'error', problem: cut });
  }

  #start(piece: Piece & { type: 'reply-start' }): StreamEvent[] {
    this.#head = this.#makeHead(piece);
    return [this.#chunk({ role: 'assistant', content: '', refusal: null })];
  }

  #makeHead(start: { id?: string; model?: string; createdAt?: number }): string {
    const { callId, model, createdAt } = this.#context;
    const head = {
      id: start.id ?? `chatcmpl-${callId}`,
      object: 'chat.completion.chunk',
      created: start.createdAt ?? createdAt,
      model: start.model ?? model,
    };
    return JSON.stringify(head).slice(0, -1);
  }

  #chunk(delta: JsonRecord, more: JsonRecord = {}): StreamEvent {
    if (this.#head === '') this.#head = this.#makeHead({});
    const choice = { index: 0, delta, logprobs: null, finish_reason: null, ...more };
    return { data: `${this.#head},"choices":[${JSON.stringify(choice)}]}` };
  }

  #delta(piece: Piece): JsonRecord | undefined {
    switch (piece.type) {
      case 'text-delta':
        this.#enterText(piece.block);
        this.#contentChars += piece.text.length;
        return { content: piece.text };
      case 'refusal-delta':
        this.#refusalBlock = piece.block;
        return { refusal: piece.text };
      case 'reasoning-delta':
        return { reasoning_content: piece.text };
      case 'reasoning-seal':
        return { reasoning_details: writeDetails([{ seal: piece.seal }], piece.block) };
      case 'tool-call-start':
        return this.#startCall(piece);
      case 'tool-call-delta':
        return this.#continueCall(piece);
      case 'citation': {
        this.#enterText(piece.block);
        const annotation = writeCitation(piece.citation, this.#text?.before ?? 0);
        return annotation && { annotations: [annotation] };
      }
      case 'media':
        return writeMedia(piece);
      case 'opaque':
        return ownAudio(piece);
      default:
        return undefined;
    }
  }

  #enterText(block: number): void {
    if (this.#text?.block !== block) this.#text = { block, before: this.#contentChars };
  }

  #startCall(piece: Piece & { type: 'tool-call-start' }): JsonRecord {
    const { id, name, kind } = piece;
    const call: Call = { index: this.#calls.size, kind, hasText: false };
    this.#calls.set(piece.block, call);
    const said =
      kind === 'custom'
        ? { type: 'custom', custom: { name, input: '' } }
        : { type: 'function', function: { name, arguments: '' } };
    return { tool_calls: [{ index: call.index, id, ...said }] };
  }

  #continueCall(piece: { block: number; text: string }): JsonRecord | undefined {
    const call = this.#calls.get(piece.block);
    if (call === undefined || piece.text === '') return undefined;
    call.hasText = true;
    return callDelta(call, piece.text);
  }

  #logprobs(piece: Piece & { type: 'logprobs' }): StreamEvent {
    const tokens = piece.logprobs.map(writeTokenLogprob);
    const ofRefusal = piece.block === this.#refusalBlock;
    const logprobs = ofRefusal
      ? { content: null, refusal: tokens }
      : { content: tokens, refusal: null };
    return this.#chunk({}, { logprobs });
  }

  #finish(piece: Piece & { type: 'reply-end' }): StreamEvent[] {
    this.#hasEnded = true;
    const events: StreamEvent[] = [];
    for (const call of this.#calls.values()) {
      // Clients parse the arguments: none are an empty object, but a cut call stays cut.
      const isEmpty = !call.hasText && call.kind === 'function' && piece.reason !== 'error';
      if (isEmpty) events.push(this.#chunk(callDelta(call, '{}')));
    }
    const ended = {
      finish_reason: writeStop(piece.reason, this.#refusalBlock !== undefined),
      ...(piece.stopSequence !== undefined && { stop_reason: piece.stopSequence }),
    };
    events.push(this.#chunk({}, ended));
    if (this.#context.usageFrame && this.#usage !== undefined) {
      const usage = writeUsage(this.#usage, this.#context.costUsd?.());
      events.push({ data: `${this.#head},"choices":[],"usage":${JSON.stringify(usage)}}` });
    }
    if (piece.reason !== 'error') return [...events, { data: '[DONE]' }];
    const failed = piece.problem ?? problem('upstream_failed', 'The provider failed.');
    return [...events, ...writeStreamError(failed)];
  }
}

function callDelta(call: Call, text: string): JsonRecord {
  const said =
    call.kind === 'custom' ? { custom: { input: text } } : { function: { arguments: text } };
  return { tool_calls: [{ index: call.index, ...said }] };
}

/** Images go as OpenRouter's `images`; of other media this format's replies know nothing. */
export function writeMedia(piece: { mediaType: string; base64: string }): JsonRecord | undefined {
  if (!piece.mediaType.startsWith('image/')) return undefined;
  const url = dataUri({ mediaType: piece.mediaType, data: piece.base64 });
  return { images: [{ type: 'image_url', image_url: { url } }] };
}
