/** What passes between the steps of a call: a few named values, and nothing else. */
import type { ChatAsk } from '../core/ask.ts';
import type { ByteSource } from '../core/http.ts';
import type { Usd } from '../core/money.ts';
import type { Piece, StopReason } from '../core/piece.ts';
import type { Model, Price, Provider, Route } from '../core/policy.ts';
import type { Problem } from '../core/problem.ts';
import type { Usage } from '../core/usage.ts';
import type { AttemptRecord, LegScore } from '../core/usage-record.ts';
import type { ChatFormat, PieceReader } from '../formats/format.ts';
import type { SseReader } from '../formats/sse.ts';

/** A call that has been received: it has an id, a format to answer in, and a body. */
export type Inbound = {
  callId: string;
  receivedAt: number;
  format: ChatFormat;
  secret: string | undefined;
  headers: Record<string, string>;
  body: Uint8Array;
};

/** One way to serve the ask: a route with its model and provider. */
export type Candidate = {
  model: Model;
  route: Route;
  provider: Provider;
  /** Members of a group by priority: every leg of a lower tier comes first. */
  tier: number;
};

export type PricedCandidate = Candidate & {
  price: Price;
  format: ChatFormat;
  /** What its vendor bills by the piece for every such call, and does not report. */
  unreported: Record<string, number>;
};

/** The most the call can cost, over every candidate that can be priced. */
export type Bound = {
  candidates: PricedCandidate[];
  /** The cap on output tokens that is held for, and so sent upstream. */
  outputCap: number;
  /** Whether the cap is the caller's own. */
  capByCaller: boolean;
  inputTokensMax: number;
  /** What the input probably counts for: an estimate, for where nobody reports it. */
  inputTokensTypical: number;
  /** What is counted against tokens per minute. */
  rateTokens: number;
  usd: Usd;
  /** The dearest price of one output token, and the cost of everything else. */
  outputUnitUsd: Usd;
  restUsd: Usd;
};

export type Leg = PricedCandidate & { score: LegScore };

export type Plan = { legs: Leg[] };

/** What an upstream said, as far as it has been read. */
export type Answer =
  | {
      kind: 'whole';
      leg: Leg;
      /** As received; absent where a stream had to be gathered. */
      bytes?: Uint8Array;
      pieces: Piece[];
      dropped: string[];
    }
  | {
      kind: 'stream';
      leg: Leg;
      /** Bytes read before the answer was known to be one, and the pieces that they gave. */
      heldBytes: Uint8Array[];
      heldPieces: Piece[];
      framing: SseReader;
      reader: PieceReader;
      rest: ByteSource;
      dropped: string[];
    };

export type Exchange = { attempts: AttemptRecord[] } & (
  | { answered: true; answer: Answer }
  | { answered: false; problem: Problem; dropped: string[] }
);

/** What is known of a reply once it has ended, whichever way it did. */
export type Measured = {
  /** `left`: the caller went away; `cut`: the upstream stopped early; both after output began. */
  end: 'complete' | 'cut' | 'left';
  usage?: Usage;
  stopReason?: StopReason;
  answeredBy?: string;
  /** UTF-8 bytes of text, reasoning and arguments that were passed on: the base of an estimate. */
  deliveredBytes: number;
  problem?: Problem;
};

export type { ChatAsk };
