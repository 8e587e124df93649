/** Randomness from the system, drawn in bulk: one draw for many ids. */
import { randomFillSync } from 'node:crypto';
import { callIdRandomBytes, makeCallId } from '../core/call-id.ts';
import type { Ids } from '../core/ports.ts';

const poolBytes = 4_096;

export function createIds(): Ids {
  const pool = Buffer.alloc(poolBytes);
  let used = poolBytes;
  const take = (count: number): Buffer => {
    if (used + count > poolBytes) {
      randomFillSync(pool);
      used = 0;
    }
    used += count;
    return pool.subarray(used - count, used);
  };
  return {
    callId: (now) => makeCallId(now, take(callIdRandomBytes)),
    random: () => Math.random(),
  };
}
