/**
 * Settling: the call is written down once, its cost is posted, and the rest of its hold goes back.
 */
import type { SettleRequest } from '../../core/accounts.ts';
import { StoreError } from '../../core/accounts.ts';
import type { Hold } from '../../core/hold.ts';
import type { Usd } from '../../core/money.ts';
import type { Ports } from '../../core/ports.ts';
import type { UsageRecord } from '../../core/usage-record.ts';

const triesMax = 3;
const waitBaseMs = 200;

export type SettleInput = { hold: Hold; record: UsageRecord; costUsd: Usd; tokens: number };

/**
 * Never rejects: the caller already has its answer. A settlement that the store would not take is
 * logged and left to the hold's expiry, which finds the record or its absence and puts it right.
 */
export async function settle(ports: Ports, input: SettleInput): Promise<void> {
  const request: SettleRequest = input;
  for (let tries = 1; tries <= triesMax; tries += 1) {
    try {
      const outcome = await ports.accounts.settle(request);
      logCall(ports, input, outcome);
      return;
    } catch (error) {
      const passing = error instanceof StoreError;
      ports.log.error('settle-failed', {
        callId: input.record.callId,
        tries,
        error: error instanceof Error ? error.name : 'unknown',
      });
      if (!passing) return;
      await ports.clock.sleep(waitBaseMs * 2 ** tries * ports.ids.random());
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
