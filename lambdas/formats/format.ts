/** The contract of a wire format: one file speaks it in both directions, with `core` in between. */
import type { ChatAsk } from '../core/ask.ts';
import type { Piece } from '../core/piece.ts';
import type { Quirks } from '../core/policy.ts';
import type { Problem, UpstreamProblem } from '../core/problem.ts';

/** One event of a stream as framing gives it: SSE's `event:` name where there is one, and data. */
export type StreamEvent = { event?: string; data: string };

/** What routing has decided that a request to an upstream must say. */
export type UpstreamDemand = {
  /** The upstream's own name of the model. */
  model: string;
  /** The cap that was held for; always sent. */
  outputTokensMax: number;
  quirks: Quirks;
};

export type WrittenAsk = {
  body: Record<string, unknown>;
  /** Names of what this format could not say, in the caller's words: `tools.0`, `seed`. */
  dropped: string[];
};

/** What a writer needs to know besides the pieces. */
export type ReplyContext = {
  callId: string;
  /** The model as the caller named it, for upstreams that name none. */
  model: string;
  /** Epoch seconds, for upstreams that give no time. */
  createdAt: number;
  /** Whether the caller asked for a usage frame (OpenAI). */
  usageFrame: boolean;
  /** What the call cost, once known: decimal string. */
  costUsd?: () => string | undefined;
};

export type PieceReader = {
  push(event: StreamEvent): Piece[];
  /** The upstream has stopped: closes what is open; always leaves a `reply-end` behind. */
  end(): Piece[];
};

export type PieceWriter = {
  push(piece: Piece): StreamEvent[];
  /** Nothing more will come: closes the stream if no `reply-end` has. */
  end(): StreamEvent[];
};

export type ChatFormat = {
  name: string;

  /** Reads a caller's parsed body. Throws a `ProblemError` that names the path of what is wrong. */
  readAsk(body: unknown): ChatAsk;
  writeAsk(ask: ChatAsk, demand: UpstreamDemand): WrittenAsk;
  /**
   * Same format in and out: top-level fields to set (or, with `undefined`, remove) in the
   * caller's own bytes.
   */
  patchAsk(ask: ChatAsk, demand: UpstreamDemand): Record<string, unknown>;
  /**
   * Top-level fields that decide what a call can cost, in lower case. Where a body says one twice,
   * or in another case too, only the one that `readAsk` saw goes upstream.
   */
  guardedFields: ReadonlySet<string>;
  /** The path below a provider's base URL. */
  upstreamPath(demand: UpstreamDemand, stream: boolean): string;

  readPieces(quirks: Quirks): PieceReader;
  writePieces(context: ReplyContext): PieceWriter;
  /** Reads a whole reply's parsed body. Throws an `UnreadableReply` where it is not one. */
  readWhole(body: unknown, quirks: Quirks): Piece[];
  writeWhole(pieces: readonly Piece[], context: ReplyContext): unknown;

  /** `body` is parsed JSON, or text where it is none. */
  readError(status: number, headers: Record<string, string>, body: unknown): UpstreamProblem;
  writeError(problem: Problem, callId: string): unknown;
  /** The one error event for a stream that has begun. */
  writeStreamError(problem: Problem, callId: string): StreamEvent[];
  /**
   * Same format in and out: is this event only there because we asked for it (`demand`), so that
   * the caller must not see it?
   */
  isOurs(event: StreamEvent, ask: ChatAsk): boolean;
  /** Bytes that stand in every event that `isOurs`, so that a relay need not parse the others. */
  oursMark?: string;
  /** Request headers of this format that a caller may pass on to an upstream of the same format. */
  forwardedHeaders?: readonly string[];
};

/** An upstream answered 200 with something that is not a reply of its format. */
export class UnreadableReply extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'UnreadableReply';
  }
}
