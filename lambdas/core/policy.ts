/** Policy in force: whom we can call for which model, at what price, and what a second is worth. */
import type { Usd } from './money.ts';
import type { TokenClass } from './usage.ts';

/** Everything a call's decisions are made from. Immutable; a new version is a new value. */
export type Policy = {
  /** Names this version in usage records. */
  version: string;
  providers: ReadonlyMap<string, Provider>;
  models: ReadonlyMap<string, Model>;
  groups: ReadonlyMap<string, Group>;
  worth: Worth;
  attempts: AttemptLimits;
};

/** Whom we call. A provider is a record: only its wire format is code. */
export type Provider = {
  name: string;
  /** A registered format, such as `openai-chat`. */
  format: string;
  /** Up to but not including the path that the format adds: `https://api.openai.com/v1`. */
  baseUrl: string;
  auth: { header: string; scheme?: string };
  /** Sent with every request, such as `anthropic-version`. */
  headers: Record<string, string>;
  /** Names the secret that opens it; absent for servers that want none. */
  credential?: string;
  quirks: Quirks;
  timeouts: Timeouts;
  /** A provider of our own making that only plays one. Shown wherever the name is. */
  simulated?: boolean;
};

/** Where a server that speaks a known format differs from it: data, never code. */
export type Quirks = {
  /** Its name for the output cap; the OpenAI default is `max_completion_tokens`. */
  outputCapField?: string;
  /** Whether usage stands in a stream unasked; by default it is asked for. */
  streamUsage?: 'asked' | 'always' | 'never';
  /** Top-level fields it refuses. */
  unsupported?: readonly string[];
  /** Whether its completion count leaves out reasoning tokens (xAI chat). */
  reasoningOutsideOutput?: boolean;
  /** Where an assistant message carries its earlier reasoning; by default it is left out. */
  reasoningField?: string;
  /** The most input tokens one image can count for. */
  imageTokensMax?: number;
};

export type Timeouts = {
  connectMs: number;
  /** From the request's last byte to the first byte of the answer's body. */
  firstByteMs: number;
  /** Between two chunks of a stream. */
  stallMs: number;
};

export type Model = {
  name: string;
  routes: readonly Route[];
  contextTokens?: number;
  /** The most output the model gives; also the cap sent where nobody set one. */
  outputTokensMax?: number;
};

/** One way to reach a model: provider, credential, upstream model. */
export type Route = {
  /** `provider/upstream-model`, unique in the policy. */
  id: string;
  provider: string;
  upstreamModel: string;
  /** Absent: the route cannot be priced, so it is never a candidate. */
  price?: Price;
  prior: Prior;
};

/** What we believe of a route before we have seen it answer. */
export type Prior = {
  /** Probability that an attempt succeeds. */
  success: number;
  firstTokenMs: number;
  tokensPerSecond: number;
};

export type Price = {
  /** Names the price in receipts. */
  version: string;
  /** Dollars per million tokens of each class. */
  perMillion: Partial<Record<TokenClass, Usd>>;
  /** Dollars per call. */
  perRequest?: Usd;
  /** Dollars for things billed by the piece, by their name in `Usage.requests`. */
  perPiece?: Record<string, Usd>;
};

/** A virtual model. */
export type Group = {
  name: string;
  members: readonly GroupMember[];
  by: 'cost' | 'priority' | 'weight';
};
export type GroupMember = { model: string; weight?: number; priority?: number };

/** What waiting and failing cost the caller, in dollars, for ranking only. */
export type Worth = { secondUsd: number; errorUsd: number };

export type AttemptLimits = {
  legsMax: number;
  attemptsMax: number;
  /** The whole call, from its arrival to the first piece. */
  deadlineMs: number;
};
