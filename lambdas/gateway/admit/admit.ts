/**
 * Admission: limits and money are taken in one round trip, or the call is refused and nothing is.
 */
import type { AdmitOutcome, Caller, KeyClaim } from '../../core/accounts.ts';
import { StoreError } from '../../core/accounts.ts';
import type { Hold } from '../../core/hold.ts';
import type { Ports } from '../../core/ports.ts';
import { ProblemError, refuse } from '../../core/problem.ts';
import type { Bound } from '../values.ts';
import { withOutputCap } from './bound.ts';
import { affordableCap, explainRefusal } from './refusal.ts';

export type Admission = {
  caller: Caller;
  hold: Hold;
  bound: Bound;
  /** Epoch milliseconds by which the reply must have ended, to be settled while the hold stands. */
  endsAt: number;
};

/** What must still be left of a process's life for a call to be settled in. */
const settleReserveMs = 10_000;

/** How long after the process can no longer be alive a hold still stands. */
const holdGraceMs = 60_000;
/** On a server no clock ends the process: a call may take this long before its hold is doubted. */
const callDurationMaxMs = 30 * 60_000;
const storeRetryAfterMs = 1_000;

type AdmitInput = {
  callId: string;
  claim: KeyClaim;
  bound: Bound;
  now: number;
  processEndsAt?: number;
};

/**
 * Throws a `ProblemError` that says which limit refused. Where only money is short, the output
 * cap is lowered to what is affordable and asked for once more, unless the key says otherwise.
 */
export async function admit(ports: Ports, input: AdmitInput): Promise<Admission> {
  const { bound } = input;
  const first = await attempt(ports, input, bound);
  if (first.admitted) return admitted(first, bound);
  const cap = affordableCap(first.refusal, bound);
  if (cap !== undefined && first.settings?.overBudget !== 'refuse') {
    const lower = withOutputCap(bound, cap);
    const second = await attempt(ports, input, lower);
    if (second.admitted) return admitted(second, lower);
  }
  throw new ProblemError(explainRefusal(first.refusal, bound));
}

function admitted({ caller, hold }: { caller: Caller; hold: Hold }, bound: Bound): Admission {
  return { caller, hold, bound, endsAt: hold.expiresAt - holdGraceMs - settleReserveMs };
}

async function attempt(ports: Ports, input: AdmitInput, bound: Bound): Promise<AdmitOutcome> {
  const endsAt = input.processEndsAt ?? input.now + callDurationMaxMs;
  try {
    return await ports.accounts.admit({
      callId: input.callId,
      claim: input.claim,
      hold: { usd: bound.usd, tokens: bound.rateTokens },
      now: input.now,
      expiresAt: endsAt + holdGraceMs,
    });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    ports.log.error('store-unavailable', { callId: input.callId, during: 'admit' });
    const message = 'Limits cannot be checked at the moment, so nothing is let through.';
    return refuse('store_unavailable', message, { retryAfterMs: storeRetryAfterMs });
  }
}

/** What an operator has said of the key, which is known only once it has been admitted. */
export function applyKeySettings(admission: Admission, model: string): Bound {
  const { settings } = admission.caller;
  if (settings.models !== undefined && !settings.models.includes(model)) {
    refuse('permission_denied', `This API key may not call \`${model}\`.`, { param: 'model' });
  }
  const { bound } = admission;
  const ownCap = bound.capByCaller ? undefined : settings.outputTokensDefault;
  const cap = Math.min(bound.outputCap, ownCap ?? Infinity, settings.outputTokensMax ?? Infinity);
  // The hold stays as it is: a lower cap only means that more of it comes back.
  return cap === bound.outputCap ? bound : { ...bound, outputCap: cap };
}
