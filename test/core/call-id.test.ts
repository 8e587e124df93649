/** Call ids carry their time, sort by it, and tell nothing else. */
import { randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  callIdRandomBytes,
  dayOfCallId,
  makeCallId,
  timeOfCallId,
} from '../../lambdas/core/call-id.ts';

const time = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) });
const random = fc.uint8Array({ minLength: callIdRandomBytes, maxLength: callIdRandomBytes });

describe('a call id', () => {
  it('gives back the time it was made at, and its UTC day', () => {
    fc.assert(
      fc.property(time, random, (now, bytes) => {
        const callId = makeCallId(now, bytes);
        expect(callId).toMatch(/^call_[0-9a-hjkmnp-tv-z]{26}$/);
        expect(timeOfCallId(callId)).toBe(now);
        const day = new Date(now).toISOString().slice(0, 10).replaceAll('-', '');
        expect(dayOfCallId(callId)).toBe(day);
      }),
    );
  });

  it('sorts by time, whatever the rest', () => {
    fc.assert(
      fc.property(time, time, random, random, (a, b, first, second) => {
        fc.pre(a < b);
        expect(makeCallId(a, first) < makeCallId(b, second)).toBe(true);
      }),
    );
  });

  it('keeps all eighty random bits', () => {
    const bytes = randomBytes(callIdRandomBytes);
    const base = makeCallId(0, bytes);
    for (let bit = 0; bit < 80; bit++) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(makeCallId(0, flipped)).not.toBe(base);
    }
  });

  it('is not mistaken for anything else', () => {
    for (const text of [
      '',
      'call_',
      'call_1',
      `call_${'u'.repeat(26)}`,
      `call_${'z'.repeat(26)}`,
    ]) {
      expect(timeOfCallId(text)).toBeUndefined();
      expect(() => dayOfCallId(text)).toThrow(RangeError);
    }
  });
});
