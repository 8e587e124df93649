/**
 * Settling: the call is written down once, its cost is posted, and the rest of its hold goes back.
 */
import type { SettleRequest } from '../../core/accounts.ts';
import { StoreError } from '../../core/accounts.ts';
import type { Hold } from '../../core/hold.ts';
import type { Usd } from '../../core/money.ts';
import type { Ports } from '../../core/ports.ts';
import type { Problem } from '../../core/problem.ts';
import { inputTokens, outputTokens } from '../../core/usage.ts';
import type { UsageRecord } from '../../core/usage-record.ts';
import type { Leg, Measured } from '../values.ts';
import { owesNothing, type Priced, unpriced } from './price.ts';
import { type RecordFacts, recordOf } from './record.ts';

const waitBaseMs = 200;
const waitMaxMs = 10_000;
/** A hold outlives its process by a minute; this long before its expiry it is certainly ours. */
const marginMs = 62_000;

type SettleInput = { hold: Hold; record: UsageRecord; costUsd: Usd; tokens: number };

/** Never rejects. A fault of our own in pricing leaves the call unpriced, and never free. */
export async function settleReply(
  ports: Ports,
  facts: RecordFacts & { measured: Measured; leg?: Leg },
  charge: (measured: Measured) => Priced,
): Promise<void> {
  facts.timeline.begin('settle');
  let priced: Priced;
  try {
    priced = charge(facts.measured);
  } catch (error) {
    logFault(ports, facts, error);
    priced = unpriced(undefined, facts.leg?.price, 'the gateway failed to price it');
  }
  const { receipt } = priced;
  await writeDown(ports, facts, priced, inputTokens(receipt) + outputTokens(receipt));
}

/** Nothing was delivered: the whole hold goes back. Never rejects. */
export async function settleFailure(
  ports: Ports,
  facts: RecordFacts,
  because: Problem,
): Promise<void> {
  facts.timeline.begin('settle');
  const failed = { ...facts, problem: because, httpStatus: because.status };
  await writeDown(ports, failed, owesNothing(), 0);
}

/** A record that cannot even be made is a defect: it is logged, and the hold is left to healing. */
async function writeDown(
  ports: Ports,
  facts: RecordFacts,
  { receipt, totalUsd }: Priced,
  tokens: number,
): Promise<void> {
  try {
    const record = recordOf(facts, receipt);
    await settle(ports, { hold: facts.hold, record, costUsd: totalUsd, tokens });
  } catch (error) {
    logFault(ports, facts, error);
  }
}

function logFault(ports: Ports, facts: RecordFacts, error: unknown): void {
  const name = error instanceof Error ? error.name : 'unknown';
  ports.log.error('fault', { callId: facts.inbound.callId, error: name, during: 'settle' });
}

/**
 * Never rejects: the caller already has its answer. A store that is away is asked again for as long
 * as the hold is certainly ours: once it expires, healing finds no record and charges nothing.
 */
async function settle(ports: Ports, input: SettleInput): Promise<void> {
  const request: SettleRequest = input;
  for (let tries = 1; ; tries += 1) {
    try {
      const outcome = await ports.accounts.settle(request);
      logCall(ports, input, outcome);
      return;
    } catch (error) {
      const passing = error instanceof StoreError;
      ports.log.error('settle-failed', {
        callId: input.record.callId,
        tries,
        error: error instanceof Error ? `${error.name}: ${error.message}` : 'unknown',
      });
      const waitMs = Math.min(waitMaxMs, waitBaseMs * 2 ** tries) * ports.ids.random();
      const endsAt = input.hold.expiresAt - marginMs;
      if (!passing || ports.clock.now() + waitMs > endsAt) return;
      await ports.clock.sleep(waitMs);
    }
  }
}

function logCall(ports: Ports, { record }: SettleInput, outcome: string): void {
  ports.log.info('call', {
    callId: record.callId,
    organisation: record.organisationId,
    key: record.keyId,
    model: record.model,
    route: record.route,
    status: record.status,
    httpStatus: record.httpStatus,
    problem: record.problem,
    attempts: record.attempts.length,
    costUsd: record.receipt.totalUsd,
    basis: record.receipt.basis,
    segments: record.segments,
    settlement: outcome,
  });
}
