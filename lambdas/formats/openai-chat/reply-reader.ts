/** Turns what an upstream of this format says into pieces: the same way streamed and whole. */
import type { Citation, Piece } from '../../core/piece.ts';
import type { Quirks } from '../../core/policy.ts';
import { type Problem, problem } from '../../core/problem.ts';
import type { Usage } from '../../core/usage.ts';
import { asCount, asFilled, asList, asRecord, type JsonRecord } from '../lenient.ts';
import { readCitation, readTopLevelCitations } from './citations.ts';
import { readInnerError } from './errors.ts';
import { readTokenLogprobs } from './logprobs.ts';
import { sourceOfUrl } from './media.ts';
import { formatName } from './read-turns.ts';
import { readDetails } from './reasoning.ts';
import { readStop } from './stop-reason.ts';
import { type CallUnderWay, callOf, readCallDelta } from './tool-call-reader.ts';
import { readUsage } from './usage.ts';

type SpokenKind = 'text' | 'reasoning' | 'refusal';

export class ReplyReader {
  readonly #quirks: Quirks;
  #pieces: Piece[] = [];
  #hasStarted = false;
  #hasEnded = false;
  #blocks = 0;
  #open: { kind: SpokenKind; block: number; contentBefore: number } | undefined;
  #contentChars = 0;
  #spoke = { text: false, refusal: false };
  readonly #calls: CallUnderWay[] = [];
  /** What comes after tool calls began: a block must not be broken, so it waits for their end. */
  #later: (() => void)[] = [];
  #areCallsOpen = false;
  #citations: Citation[] = [];
  #usage: Usage | undefined;
  #finish: { reason: string; stop: unknown } | undefined;
  #start: { id?: string; model?: string; createdAt?: number } = {};

  constructor(quirks: Quirks) {
    this.#quirks = quirks;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  get hasFinish(): boolean {
    return this.#finish !== undefined;
  }

  /** Something was said, or at least billed for. */
  get hasSpoken(): boolean {
    return this.#blocks > 0 || this.#usage !== undefined;
  }

  /** Gives the pieces that have come together since it was last asked. */
  take(): Piece[] {
    const pieces = this.#pieces;
    this.#pieces = [];
    return pieces;
  }

  /** One chunk of a stream, or a whole reply. */
  read(body: JsonRecord): void {
    this.#readHead(body);
    const groq = asRecord(body.x_groq);
    this.#usage = readUsage(body.usage, this.#quirks) ?? this.#fromGroq(groq) ?? this.#usage;
    const found = readTopLevelCitations(body);
    if (found.length > 0) this.#citations = found;
    const choice = asList(body.choices)
      .map(asRecord)
      .find((one) => one !== undefined && (asCount(one.index) ?? 0) === 0);
    if (choice !== undefined) this.#readChoice(choice);
    const error = body.error ?? choice?.error ?? (body.object === 'error' ? body : undefined);
    if (asRecord(error) !== undefined || asFilled(error) !== undefined) this.fail(error);
  }

  #fromGroq(groq: JsonRecord | undefined): Usage | undefined {
    return groq === undefined ? undefined : readUsage(groq.usage, this.#quirks);
  }

  #readHead(body: JsonRecord): void {
    if (this.#hasStarted) return;
    const id = asFilled(body.id);
    const model = asFilled(body.model);
    const createdAt = asCount(body.created);
    if (id !== undefined) this.#start.id ??= id;
    if (model !== undefined) this.#start.model ??= model;
    // Azure's first chunk speaks of filters alone, and of the year 1970.
    if (createdAt) this.#start.createdAt ??= createdAt;
  }

  #readChoice(choice: JsonRecord): void {
    this.#begin();
    const reason = asFilled(choice.finish_reason);
    if (reason !== undefined) this.#finish = { reason, stop: choice.stop_reason };
    // Perplexity repeats the whole message so far beside each delta.
    const said = asRecord(choice.delta) ?? asRecord(choice.message);
    if (said === undefined) return;
    this.#readReasoning(said);
    this.#readContent(said.content);
    this.#speak('refusal', asFilled(said.refusal));
    this.#readLogprobs(asRecord(choice.logprobs));
    for (const item of asList(said.annotations)) this.#cite(readCitation(item));
    for (const image of asList(said.images)) this.#readImage(image);
    const audio = asRecord(said.audio);
    if (audio !== undefined) {
      this.#whole((block) => ({ type: 'opaque', block, format: formatName, value: { audio } }));
    }
    for (const call of asList(said.tool_calls)) this.#readCall(call);
    const legacy = asRecord(said.function_call);
    if (legacy !== undefined) this.#readCall({ index: 0, function: legacy });
  }

  #begin(): void {
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#pieces.push({ type: 'reply-start', ...this.#start });
  }

  #readReasoning(said: JsonRecord): void {
    const details = readDetails(said.reasoning_details);
    const text = asFilled(said.reasoning_content) ?? asFilled(said.reasoning);
    const hasTexts = details.some((detail) => detail.text !== undefined);
    if (!hasTexts) this.#speak('reasoning', text);
    for (const { text: part, seal } of details) {
      this.#speak('reasoning', part);
      if (seal === undefined) continue;
      this.#whenQuiet(() => {
        const block = this.#blockOf('reasoning');
        this.#pieces.push({ type: 'reasoning-seal', block, seal });
        // A seal closes what it seals.
        this.#open = undefined;
      });
    }
  }

  /** A string; or Mistral's list, whose thinking stands among its texts. */
  #readContent(content: unknown): void {
    this.#speak('text', asFilled(content));
    for (const item of asList(content)) {
      const part = asRecord(item) ?? {};
      if (part.type === 'text') this.#speak('text', asFilled(part.text));
      else if (part.type === 'refusal') this.#speak('refusal', asFilled(part.refusal));
      else if (part.type === 'image_url') this.#readImage(part);
      else if (part.type === 'thinking') {
        this.#speak('reasoning', asFilled(part.thinking));
        for (const thought of asList(part.thinking)) {
          this.#speak('reasoning', asFilled(asRecord(thought)?.text));
        }
      }
    }
  }

  #speak(kind: SpokenKind, text: string | undefined): void {
    if (text === undefined) return;
    this.#whenQuiet(() => {
      const block = this.#blockOf(kind);
      if (kind === 'text') this.#contentChars += text.length;
      if (kind !== 'reasoning') this.#spoke[kind] = true;
      this.#pieces.push({ type: `${kind}-delta`, block, text });
    });
  }

  #blockOf(kind: SpokenKind): number {
    if (this.#open?.kind !== kind) {
      this.#open = { kind, block: this.#blocks, contentBefore: this.#contentChars };
      this.#blocks += 1;
    }
    return this.#open.block;
  }

  #whenQuiet(act: () => void): void {
    if (this.#areCallsOpen) this.#later.push(act);
    else act();
  }

  #whole(make: (block: number) => Piece): void {
    this.#whenQuiet(() => {
      this.#open = undefined;
      this.#pieces.push(make(this.#blocks));
      this.#blocks += 1;
    });
  }

  #readImage(value: unknown): void {
    const url = asFilled(asRecord(asRecord(value)?.image_url)?.url);
    const source = url === undefined ? undefined : sourceOfUrl(url);
    if (source?.kind !== 'base64') return;
    const { mediaType, data: base64 } = source;
    this.#whole((block) => ({ type: 'media', block, mediaType, base64 }));
  }

  #cite(citation: Citation | undefined): void {
    if (citation === undefined) return;
    this.#whenQuiet(() => {
      const block = this.#blockOf('text');
      const before = this.#open?.contentBefore ?? 0;
      const { start, end } = citation;
      this.#pieces.push({
        type: 'citation',
        block,
        citation: {
          ...citation,
          ...(start !== undefined && { start: Math.max(0, start - before) }),
          ...(end !== undefined && { end: Math.max(0, end - before) }),
        },
      });
    });
  }

  #readLogprobs(logprobs: JsonRecord | undefined): void {
    for (const [kind, given] of [
      ['text', logprobs?.content],
      ['refusal', logprobs?.refusal],
    ] as const) {
      const read = readTokenLogprobs(given);
      if (read.length === 0) continue;
      this.#whenQuiet(() => {
        this.#pieces.push({ type: 'logprobs', block: this.#blockOf(kind), logprobs: read });
      });
    }
  }

  #readCall(value: unknown): void {
    const delta = readCallDelta(value);
    const call = callOf(this.#calls, delta);
    if (call.block === undefined) {
      call.waiting += delta.text;
      if (call.name !== undefined) this.#beginCall(call);
    } else if (delta.text !== '') {
      this.#pieces.push({ type: 'tool-call-delta', block: call.block, text: delta.text });
    }
  }

  #beginCall(call: CallUnderWay): void {
    this.#open = undefined;
    this.#areCallsOpen = true;
    const block = this.#blocks;
    this.#blocks += 1;
    call.block = block;
    const id = call.id ?? this.#callId(block);
    this.#pieces.push({
      type: 'tool-call-start',
      block,
      id,
      name: call.name ?? '',
      kind: call.kind,
    });
    if (call.waiting !== '') {
      this.#pieces.push({ type: 'tool-call-delta', block, text: call.waiting });
    }
  }

  /** Callers answer by id, so a call without one (Gemini's compatible endpoint) is given one. */
  #callId(block: number): string {
    const reply = (this.#start.id ?? 'reply').replace(/[^\w-]/g, '_').slice(-24);
    return `call_${reply}_${block}`;
  }

  /** Ends the reply as its last chunk said. */
  finish(): void {
    this.#close();
    const { reason, stopSequence } = readStop(this.#finish?.reason, this.#finish?.stop, {
      hasCalls: this.#calls.length > 0,
      hasOnlyRefusal: this.#spoke.refusal && !this.#spoke.text,
    });
    if (reason === 'error') {
      const failed = problem('upstream_failed', 'The provider failed while it was answering.');
      this.#end({ type: 'reply-end', reason, problem: failed });
    } else {
      this.#end({ type: 'reply-end', reason, ...(stopSequence !== undefined && { stopSequence }) });
    }
  }

  /** Ends the reply with what the upstream calls an error. */
  fail(error: unknown): void {
    this.failWith(readInnerError(error));
  }

  failWith(failed: Problem): void {
    if (this.#hasEnded) return;
    this.#close();
    this.#end({ type: 'reply-end', reason: 'error', problem: failed });
  }

  #close(): void {
    this.#begin();
    for (const call of this.#calls) {
      if (call.block === undefined && call.waiting !== '') this.#beginCall(call);
    }
    this.#areCallsOpen = false;
    for (const act of this.#later) act();
    this.#later = [];
    if (this.#calls.length === 0) for (const citation of this.#citations) this.#cite(citation);
  }

  #end(end: Piece): void {
    if (this.#usage !== undefined) this.#pieces.push({ type: 'usage', usage: this.#usage });
    this.#pieces.push(end);
    this.#hasEnded = true;
  }
}
