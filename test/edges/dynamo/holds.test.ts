/** Holds as texts: what is written is read back, and what cannot be read is not guessed at. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StoreError } from '../../../lambdas/core/accounts.ts';
import { usd, usdText } from '../../../lambdas/core/money.ts';
import {
  expiredHolds,
  holdOf,
  holdValue,
  readHold,
  readHolds,
  waitingHoldValue,
} from '../../../lambdas/edges/dynamo/account-items.ts';
import type { AttributeValue } from '../../../lambdas/edges/dynamo/attributes.ts';
import { windowsOf } from '../../../lambdas/edges/dynamo/windows.ts';
import { newCallId } from '../../support/store.ts';

const at = Date.UTC(2026, 10, 24, 23, 59, 59);
const callId = newCallId(at);
const terms = { usd: usd('0.00000015'), tokens: 4_321, minuteWindow: windowsOf(at).minute };
const itemOf = (holds: Record<string, AttributeValue>) => ({ holds: { M: holds } });

const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const amount = fc.tuple(count, fc.nat()).map(([whole, part]) => `${whole}.${part}1`);

describe('a hold', () => {
  it('is read back as it was written, whatever the other account is called', () => {
    const written = fc.record({ amount, tokens: count, expiresAt: count, other: fc.string() });
    fc.assert(
      fc.property(written, ({ amount: text, tokens, expiresAt, other }) => {
        const value = holdValue({ ...terms, usd: usd(text), tokens, expiresAt }, other);
        const read = readHold(callId, value);
        expect(read).toMatchObject({ callId, tokens, expiresAt, other, at, unpriced: false });
        expect(read && usdText(read.usd)).toBe(text);
      }),
    );
  });

  it('tells the windows that it drew on, though a call began in the minute before', () => {
    const admittedAt = at + 2_000;
    const { minute, day, month } = windowsOf(admittedAt);
    const value = holdValue({ ...terms, minuteWindow: minute, expiresAt: at + 60_000 }, 'acme');
    const stored = readHold(callId, value);
    if (stored === undefined) throw new Error('not read');
    const hold = holdOf(stored, { callId, keyId: 'first', organisationId: 'acme' });
    expect(hold).toMatchObject({ minuteWindow: minute, dayWindow: day, budgetWindow: month });
  });

  it('is expired from its moment on, and never while it waits for a price', () => {
    const expiresAt = at + 60_000;
    const item = itemOf({
      [callId]: holdValue({ ...terms, expiresAt }, 'first'),
      waiting: waitingHoldValue(terms, 'second'),
    });
    expect(expiredHolds(item, expiresAt - 1)).toEqual([]);
    expect(expiredHolds(item, expiresAt).map((hold) => hold.other)).toEqual(['first']);
    expect(expiredHolds(item, Number.MAX_SAFE_INTEGER)).toHaveLength(1);
    expect(readHold('waiting', waitingHoldValue(terms, 'second'))).toMatchObject({
      unpriced: true,
      other: 'second',
    });
  });

  it.each(['2|1790000960000|29833333|0.01|1|first', '1|1|1|0.01|1', '', '1|x|1|1|1|first'])(
    'that reads "%s" is not guessed at',
    (text) => {
      expect(() => readHolds(itemOf({ [callId]: { S: text } }))).toThrow(StoreError);
    },
  );

  it('of a version to come is not taken for dead', () => {
    const item = itemOf({ [callId]: { S: '2|1|29833333|0.01|1|first' } });
    expect(expiredHolds(item, Number.MAX_SAFE_INTEGER)).toEqual([]);
  });

  it('is not written with a count that is not whole', () => {
    expect(() => holdValue({ ...terms, expiresAt: 0.5 }, 'first')).toThrow(RangeError);
    expect(() => holdValue({ ...terms, tokens: 0.5, expiresAt: 1 }, 'first')).toThrow(RangeError);
  });
});
