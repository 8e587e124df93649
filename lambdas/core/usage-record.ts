/**
 * One call as it is remembered: what was asked, tried, used, charged, and how long each part took.
 */
import type { StopReason } from './piece.ts';
import type { Receipt } from './receipt.ts';
import type { Segments } from './timeline.ts';

export type UsageRecord = {
  callId: string;
  organisationId: string;
  keyId: string;
  /** Epoch milliseconds. */
  receivedAt: number;
  /** The caller's wire format. */
  format: string;
  stream: boolean;
  /** The model as asked for. */
  model: string;
  policyVersion: string;
  status: RecordStatus;
  /** The HTTP status that the caller saw. */
  httpStatus: number;
  /** The problem's code where there was one. */
  problem?: string;
  route?: string;
  provider?: string;
  /** The model that said it answered. */
  answeredBy?: string;
  stopReason?: StopReason;
  attempts: AttemptRecord[];
  /** The legs that were planned, in order, with what they were chosen on. */
  plan: LegRecord[];
  dropped: string[];
  outputCap?: number;
  receipt: Receipt;
  segments: Segments;
};

/**
 * `ok` ended as it should; `cut` ended early but was delivered in part; `failed` gave the caller
 * nothing; `unpriced` was delivered and could not be priced, so that its hold stays.
 */
export type RecordStatus = 'ok' | 'cut' | 'failed' | 'unpriced';

export type AttemptRecord = {
  route: string;
  startedMs: number;
  tookMs: number;
  outcome: 'answered' | 'failed';
  status?: number;
  problem?: { class: string; code: string };
  /** What was decided after a failure, and why. */
  decision?: string;
};

export type LegRecord = { route: string; score: LegScore };

/** A leg's worth in dollars, by part; the plan is in ascending `total`. */
export type LegScore = { price: number; latency: number; risk: number; total: number };
