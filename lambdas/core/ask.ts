/** The neutral request: what a caller asks of a model, whatever format it was asked in. */
import type { Citation, ReasoningSeal } from './piece.ts';

export type ChatAsk = {
  /** The model as the caller named it. */
  model: string;
  stream: boolean;
  /** OpenAI's `stream_options.include_usage`: does the caller want a usage frame in the stream? */
  usageFrame: boolean;
  turns: Turn[];
  tools: Tool[];
  toolChoice?: ToolChoice;
  parallelToolCalls?: boolean;
  /** The caller's own cap on output tokens; `undefined` where none was given. */
  outputTokensMax?: number;
  /** The names under which the caller gave that cap, where its format has more than one. */
  outputCapFields?: string[];
  sampling: Sampling;
  responseFormat?: ResponseFormat;
  reasoning?: Reasoning;
  /** How many answers are wanted; more than one only where the format can say it. */
  choices?: number;
  logprobs?: { top: number };
  /** The caller's name for its own end user. */
  user?: string;
  metadata?: Record<string, string>;
  serviceTier?: string;
  /**
   * Top-level fields of the caller's format that have no neutral meaning, as sent. They survive
   * where the format stays the same, and are named as dropped where it does not. Such fields
   * inside a tool or a part stand here too, by dotted path: `tools.0.defer_loading`.
   */
  extras: Record<string, unknown>;
};

export type Turn =
  | { role: 'system' | 'developer'; parts: TextPart[]; name?: string }
  | { role: 'user'; parts: Part[]; name?: string }
  | { role: 'assistant'; parts: Part[]; name?: string }
  | { role: 'tool'; toolCallId: string; parts: Part[]; isError?: boolean; cache?: CacheMark };

export type TextPart = { type: 'text'; text: string; cache?: CacheMark; citations?: Citation[] };

export type Part =
  | TextPart
  | { type: 'image'; source: MediaSource; detail?: string; cache?: CacheMark }
  | {
      type: 'file';
      source: MediaSource;
      name?: string;
      context?: string;
      citations?: boolean;
      cache?: CacheMark;
    }
  | { type: 'audio'; source: MediaSource }
  | {
      type: 'tool-call';
      id: string;
      name: string;
      kind: 'function' | 'custom';
      text: string;
      cache?: CacheMark;
    }
  | { type: 'reasoning'; text?: string; seal?: ReasoningSeal }
  | { type: 'refusal'; text: string }
  /** A part only its own format understands: kept as sent. */
  | { type: 'opaque'; format: string; value: unknown };

export type MediaSource =
  | { kind: 'url'; url: string }
  | { kind: 'base64'; mediaType: string; data: string }
  | { kind: 'text'; text: string; mediaType: string }
  | { kind: 'id'; vendor: string; id: string };

/** A prompt-cache mark (Anthropic's `cache_control`). */
export type CacheMark = { type: 'ephemeral'; ttl?: '5m' | '1h' };

export type Tool =
  | {
      kind: 'function';
      name: string;
      description?: string;
      parameters?: unknown;
      strict?: boolean;
      cache?: CacheMark;
    }
  /** A tool only its own format understands (server tools, custom grammars): kept as sent. */
  | { kind: 'opaque'; format: string; name: string; value: unknown };

export type ToolChoice =
  | { type: 'auto' }
  | { type: 'none' }
  | { type: 'required' }
  | { type: 'tool'; name: string }
  | { type: 'opaque'; format: string; value: unknown };

export type Sampling = {
  temperature?: number;
  topP?: number;
  topK?: number;
  frequencyPenalty?: number;
  presencePenalty?: number;
  seed?: number;
  stop?: string[];
  logitBias?: Record<string, number>;
};

export type ResponseFormat =
  | { type: 'text' }
  | { type: 'json' }
  | { type: 'json-schema'; name?: string; description?: string; schema: unknown; strict?: boolean };

/** How hard to think: a named effort, a token budget, or both where the format says both. */
export type Reasoning = {
  enabled: boolean;
  effort?: string;
  budgetTokens?: number;
  /** Anthropic's `adaptive` thinking; the model decides. */
  adaptive?: boolean;
  /** Whether the reasoning is to be shown, as the format words it. */
  display?: string;
};
