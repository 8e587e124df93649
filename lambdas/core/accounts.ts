/** The accounts a call draws on, as values: who calls, what is left, why a call was refused. */
import type { Hold, HoldAmounts } from './hold.ts';
import type { Usd } from './money.ts';
import type { UsageRecord } from './usage-record.ts';

/** What a self-verifying API key says of itself, once its MAC has been checked. */
export type KeyClaim = {
  keyId: string;
  organisationId: string;
  /** Base64 of the SHA-256 of the key's secret part; compared with the account's own. */
  secretHash: string;
};

/** Limits of a key; one that is not set does not bind. */
export type KeyLimits = {
  requestsPerMinute?: number;
  tokensPerMinute?: number;
  concurrency?: number;
  dailyUsd?: Usd;
};

/** What an operator has said of a key, read from its account at admission. */
export type KeySettings = {
  name?: string;
  /** Models the key may call; absent: all. */
  models?: readonly string[];
  /** The cap sent where the caller gives none. */
  outputTokensDefault?: number;
  outputTokensMax?: number;
  /** What to do when the caller's cap is not affordable: lower it (default), or refuse. */
  overBudget?: 'clamp' | 'refuse';
};

/** The key and organisation that a call was admitted for. */
export type Caller = {
  keyId: string;
  organisationId: string;
  limits: KeyLimits;
  settings: KeySettings;
  /** What is left after this call's hold, for rate-limit headers. */
  remaining: Remaining;
};

export type Remaining = { requests?: number; tokens?: number };

export type AdmitRequest = {
  callId: string;
  claim: KeyClaim;
  hold: HoldAmounts;
  /** Epoch milliseconds: decides the windows. */
  now: number;
  /** Epoch milliseconds of the hold's own expiry. */
  expiresAt: number;
};

/**
 * Why an account said no, in the account's own words: composed from what it held at that moment.
 */
export type Refusal =
  | { by: 'key'; because: 'unknown' | 'revoked' | 'expired' | 'wrong_secret' }
  | { by: 'key'; because: 'requests' | 'tokens'; limit: number; remaining: number; resetMs: number }
  | { by: 'key'; because: 'concurrency'; limit: number; remaining: number }
  | { by: 'key'; because: 'daily_spend'; limit: Usd; remaining: Usd; resetMs: number }
  | { by: 'organisation'; because: 'unknown' | 'suspended' }
  | { by: 'organisation'; because: 'balance'; remaining: Usd }
  | { by: 'organisation'; because: 'budget'; limit: Usd; remaining: Usd; resetMs: number };

export type AdmitOutcome =
  | { admitted: true; caller: Caller; hold: Hold }
  | { admitted: false; refusal: Refusal; settings?: KeySettings };

export type SettleRequest = {
  hold: Hold;
  /** What was spent; the rest of the hold goes back. */
  costUsd: Usd;
  /** Tokens actually used, for the tokens-per-minute window. */
  tokens: number;
  record: UsageRecord;
};

/**
 * The store behind admission and settling. `admit` is one round trip: both accounts in parallel.
 * Both reject with a `StoreError` when the store cannot be reached; nobody is admitted then.
 */
export type Accounts = {
  /**
   * What this process last saw of a key's settings, without asking; absent before the first call.
   */
  settingsSeen(keyId: string): KeySettings | undefined;
  admit(request: AdmitRequest): Promise<AdmitOutcome>;
  /** Commits the record (first writer wins), then posts to both accounts. Safe to repeat. */
  settle(request: SettleRequest): Promise<'settled' | 'already-settled'>;
};

/** The store did not answer, or answered with a fault of its own. */
export class StoreError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
  }
}
