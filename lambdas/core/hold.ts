/** A hold: the most a call can cost, set aside before a byte goes upstream. */
import type { Usd } from './money.ts';

export type HoldAmounts = {
  usd: Usd;
  /** Tokens held against the key's tokens per minute. */
  tokens: number;
};

/** A hold that stands on both accounts; what settling needs to find and undo it. */
export type Hold = HoldAmounts & {
  callId: string;
  keyId: string;
  organisationId: string;
  /** Window ids that were drawn on, so that the refund goes back where it was taken. */
  minuteWindow: string;
  dayWindow: string;
  budgetWindow: string;
  /** Epoch milliseconds after which nobody can still be working on the call. */
  expiresAt: number;
};
