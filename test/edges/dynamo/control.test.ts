/** What operators do to organisations, keys and money while calls are under way. */
import { beforeEach, describe, expect, it } from 'vitest';
import { usd, usdText } from '../../../lambdas/core/money.ts';
import {
  admitRequest,
  createKey,
  createOrganisation,
  openTestStore,
  settleRequest,
  type TestStore,
  testSecretHash,
} from '../../support/store.ts';

let store: TestStore;
beforeEach(async () => {
  store = await openTestStore();
});

const balance = async (): Promise<string | undefined> => {
  const account = await store.organisations.account('acme');
  return account && usdText(account.balanceUsd);
};

describe('the ledger', () => {
  it('books a payment once, however often and at once it is told', async () => {
    await createOrganisation(store, { balance: '0' });
    const payment = { organisationId: 'acme', paymentId: 'p1', amountUsd: usd('19.99') };
    const told = await Promise.all(Array.from({ length: 5 }, () => store.ledger.book(payment)));
    expect(told.filter((answer) => answer === 'booked')).toHaveLength(1);
    expect(told.filter((answer) => answer === 'already-booked')).toHaveLength(4);
    expect(await store.ledger.book({ ...payment, amountUsd: usd('20') })).toBe('conflict');
    expect(await balance()).toBe('19.99');
    const entries = await store.ledger.entries('acme');
    expect(entries.map((entry) => [entry.paymentId, usdText(entry.amountUsd)])).toEqual([
      ['p1', '19.99'],
    ]);
  });

  it('refunds what is there and not a unit more', async () => {
    await createOrganisation(store, { balance: '5' });
    const refund = (paymentId: string, amount: string) =>
      store.ledger.book({ organisationId: 'acme', paymentId, amountUsd: usd(amount) });
    expect(await refund('r1', '-5.000000000000000001')).toBe('not-covered');
    expect(await refund('r2', '-5')).toBe('booked');
    expect(await balance()).toBe('0');
    const stranger = { organisationId: 'nobody', paymentId: 'p', amountUsd: usd('1') };
    expect(await store.ledger.book(stranger)).toBe('no-such-organisation');
  });

  it('takes money in while dozens of calls draw on it', async () => {
    await createOrganisation(store, { balance: '1' });
    const claim = await createKey(store);
    const calls = Array.from({ length: 60 }, async () => {
      const outcome = await store.accounts.admit(admitRequest(store, claim, { usd: '0.01' }));
      if (outcome.admitted) {
        await store.accounts.settle(settleRequest(outcome.hold, { usd: '0.003' }));
      }
      return outcome.admitted;
    });
    const payments = Array.from({ length: 8 }, (_, n) =>
      store.ledger.book({ organisationId: 'acme', paymentId: `p${n}`, amountUsd: usd('0.25') }),
    );
    expect(new Set(await Promise.all(payments))).toEqual(new Set(['booked']));
    const admitted = (await Promise.all(calls)).filter(Boolean).length;
    expect(admitted).toBe(60);
    expect(await balance()).toBe('2.82');
  });
});

describe('an organisation', () => {
  it('is created once, found, listed and suspended', async () => {
    await createOrganisation(store, { budget: '7', balance: '0' });
    const again = { organisationId: 'acme', name: 'other', billing: 'postpaid' } as const;
    expect(await store.organisations.create(again)).toBe('exists');
    const found = await store.organisations.get('acme');
    expect(found).toMatchObject({ name: 'acme', billing: 'prepaid' });
    expect((await store.organisations.list()).map((o) => o.organisationId)).toEqual(['acme']);
    const claim = await createKey(store);
    expect(await store.organisations.setStatus('acme', 'suspended')).toBe(true);
    const outcome = await store.accounts.admit(admitRequest(store, claim, { usd: '0' }));
    expect(outcome.admitted ? undefined : outcome.refusal.because).toBe('suspended');
    expect(await store.organisations.setStatus('nobody', 'active')).toBe(false);
  });

  it('spends a changed budget less what it had spent already', async () => {
    await createOrganisation(store, { balance: '10' });
    const claim = await createKey(store);
    const first = await store.accounts.admit(admitRequest(store, claim, { usd: '2' }));
    if (!first.admitted) throw new Error('refused');
    expect(await store.organisations.setBudget('acme', usd('3'))).toBe(true);
    const refused = await store.accounts.admit(admitRequest(store, claim, { usd: '1.01' }));
    expect(refused.admitted ? undefined : refused.refusal.because).toBe('budget');
    await store.accounts.settle(settleRequest(first.hold, { usd: '1.99' }));
    expect(usdText((await left()) ?? usd('-1'))).toBe('1.01');
    expect(await store.organisations.setBudget('acme', undefined)).toBe(true);
    expect(await left()).toBeUndefined();
    const admitted = await store.accounts.admit(admitRequest(store, claim, { usd: '8.01' }));
    expect(admitted.admitted).toBe(true);
  });
  const left = async () => (await store.organisations.account('acme'))?.budgetRemainingUsd;
});

describe('a key', () => {
  it('is created once, listed without its hash, changed and revoked', async () => {
    await createOrganisation(store);
    const limits = { requestsPerMinute: 3, dailyUsd: usd('1.5') };
    const claim = await createKey(store, { limits, settings: { models: ['a'] } });
    expect(await store.keys.create({ ...claim })).toBe('exists');
    const [listed] = await store.keys.list('acme');
    expect(JSON.stringify(listed)).not.toContain(testSecretHash);
    expect(listed).toMatchObject({ keyId: 'first', status: 'active', settings: { models: ['a'] } });
    expect(listed?.limits.dailyUsd && usdText(listed.limits.dailyUsd)).toBe('1.5');

    await store.accounts.admit(admitRequest(store, claim, { usd: '0.5' }));
    const changed = { limits: { requestsPerMinute: 2, dailyUsd: usd('2') }, settings: {} };
    expect(await store.keys.change(claim, changed)).toBe(true);
    const account = await store.keys.account('first');
    expect(account?.remaining.requests).toBe(1);
    expect(account?.remaining.dailyUsd && usdText(account.remaining.dailyUsd)).toBe('1.5');
    expect(await store.keys.setStatus(claim, 'revoked')).toBe(true);
    expect((await store.keys.get('acme', 'first'))?.status).toBe('revoked');
  });

  it('opens with its old secret for as long as a rotation says', async () => {
    await createOrganisation(store);
    const old = await createKey(store);
    const until = store.clock.now() + 60_000;
    const secretHash = 'the-hash-of-a-new-secret';
    expect(await store.keys.rotate('first', secretHash, until)).toBe(true);
    expect(await store.keys.rotate('first', secretHash, until)).toBe(false);
    const opens = async (hash: string) => {
      const request = admitRequest(store, { ...old, secretHash: hash }, { usd: '0' });
      return (await store.accounts.admit(request)).admitted;
    };
    expect([await opens(old.secretHash), await opens(secretHash)]).toEqual([true, true]);
    store.clock.set(until);
    expect([await opens(old.secretHash), await opens(secretHash)]).toEqual([false, true]);
  });
});

describe('usage', () => {
  it('is found by call id, and listed by day, newest first, page by page', async () => {
    await createOrganisation(store);
    const claim = await createKey(store);
    const callIds: string[] = [];
    for (let n = 0; n < 5; n++) {
      store.clock.set(store.clock.now() + 10);
      const outcome = await store.accounts.admit(admitRequest(store, claim, { usd: '0.1' }));
      if (!outcome.admitted) throw new Error('refused');
      await store.accounts.settle(settleRequest(outcome.hold, { usd: `0.0${n}` }));
      callIds.unshift(outcome.hold.callId);
    }
    const query = { organisationId: 'acme', day: '20261124', limit: 2 };
    const first = await store.usage.list(query);
    const second = await store.usage.list({ ...query, after: first.next ?? '' });
    const third = await store.usage.list({ ...query, after: second.next ?? '' });
    const seen = [first, second, third].flatMap((page) => page.records);
    expect(seen.map(({ record }) => record.callId)).toEqual(callIds);
    expect(third.next).toBeUndefined();
    const one = await store.usage.get('acme', callIds[0] ?? '');
    expect(one?.costUsd?.toFixed()).toBe('0.04');
    expect(one?.record.receipt.totalUsd).toBe('0.04');
  });
});

describe('windows', () => {
  it('start afresh with their time, and are tidied away once nobody needs them', async () => {
    await createOrganisation(store, { budget: '10' });
    const claim = await createKey(store, { limits: { requestsPerMinute: 1 } });
    const call = async () => {
      const outcome = await store.accounts.admit(admitRequest(store, claim, { usd: '0.1' }));
      if (outcome.admitted) await store.accounts.settle(settleRequest(outcome.hold, { usd: '0' }));
      return outcome.admitted;
    };
    expect([await call(), await call()]).toEqual([true, false]);
    for (let hour = 0; hour < 60; hour++) {
      store.clock.set(store.clock.now() + 3_600_000);
      expect(await call()).toBe(true);
    }
    store.clock.set(store.clock.now() + 90 * 24 * 3_600_000);
    expect(await call()).toBe(true);
    const { items } = await store.client.scan({ TableName: store.tables.counters });
    const windows = items.flatMap((item) => Object.keys(item)).filter((n) => /^[rtdb]\d/.test(n));
    expect(windows.sort()).toEqual([
      'b202702',
      'd20270225',
      expect.any(String),
      expect.any(String),
    ]);
  });
});
