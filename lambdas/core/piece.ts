/** The neutral stream: what a model says, piece by piece, whatever format it said it in. */
import type { Problem } from './problem.ts';
import type { Usage } from './usage.ts';

/**
 * Grammar: `reply-start`, then deltas, at most one `usage`, exactly one `reply-end`, last.
 *
 * `block` numbers a content block: a new number begins a block, and numbers only grow as blocks
 * begin. Deltas of one block are contiguous, except that tool calls may interleave with each
 * other. A `tool-call-start` comes before the deltas of its block.
 */
export type Piece =
  | { type: 'reply-start'; id?: string; model?: string; createdAt?: number }
  | { type: 'text-delta'; block: number; text: string }
  | { type: 'refusal-delta'; block: number; text: string }
  | { type: 'reasoning-delta'; block: number; text: string }
  | { type: 'reasoning-seal'; block: number; seal: ReasoningSeal }
  | {
      type: 'tool-call-start';
      block: number;
      id: string;
      name: string;
      kind: 'function' | 'custom';
    }
  /** For a function: JSON text. For a custom tool: free text. */
  | { type: 'tool-call-delta'; block: number; text: string }
  | { type: 'citation'; block: number; citation: Citation }
  | { type: 'logprobs'; block: number; logprobs: TokenLogprob[] }
  | { type: 'media'; block: number; mediaType: string; base64: string }
  /** A block only its own vendor understands (server tools, containers): kept whole. */
  | { type: 'opaque'; block: number; format: string; value: unknown }
  | { type: 'usage'; usage: Usage }
  | { type: 'reply-end'; reason: StopReason; stopSequence?: string; problem?: Problem };

export type StopReason =
  | 'stop'
  | 'stop-sequence'
  | 'length'
  | 'tool-calls'
  | 'content-filter'
  | 'refusal'
  | 'pause'
  | 'error';

/**
 * Proof of reasoning that the same vendor wants back: Anthropic's `signature` on a thinking
 * block, its `redacted` block, or OpenAI's `encrypted` content.
 */
export type ReasoningSeal = {
  vendor: string;
  kind: 'signature' | 'redacted' | 'encrypted';
  value: string;
};

export type Citation = {
  kind: 'url' | 'document';
  url?: string;
  title?: string;
  quote?: string;
  /** Character offsets in the text of the block, where the vendor gives them. */
  start?: number;
  end?: number;
  /** The vendor's own shape and whose it is, so that the same format loses nothing. */
  raw?: { format: string; value: unknown };
};

export type TokenLogprob = {
  token: string;
  logprob: number;
  bytes?: number[] | null;
  top?: { token: string; logprob: number; bytes?: number[] | null }[];
};
