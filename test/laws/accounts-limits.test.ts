/** Law: whatever the limit and however many ask at once, exactly as many get in as fit. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { AdmitOutcome, KeyClaim, KeyLimits, Refusal } from '../../lambdas/core/accounts.ts';
import { usd, usdText } from '../../lambdas/core/money.ts';
import {
  admitRequest,
  createKey,
  createOrganisation,
  openTestStore,
  settleRequest,
  type TestStore,
} from '../support/store.ts';

let store: TestStore;
beforeEach(async () => {
  store = await openTestStore();
});

async function admitAtOnce(
  claim: KeyClaim,
  calls: number,
  held: { usd: string; tokens?: number },
): Promise<AdmitOutcome[]> {
  const requests = Array.from({ length: calls }, () => admitRequest(store, claim, held));
  return await Promise.all(requests.map((request) => store.accounts.admit(request)));
}

const admittedOf = (outcomes: AdmitOutcome[]) => outcomes.flatMap((o) => (o.admitted ? [o] : []));
const refusalsOf = (outcomes: AdmitOutcome[]): Refusal[] =>
  outcomes.flatMap((o) => (o.admitted ? [] : [o.refusal]));

describe('admission never overruns', () => {
  it('admits exactly a hundred of five hundred calls on money for a hundred', async () => {
    await createOrganisation(store, { balance: '1.234567890123' });
    const keyIds = ['a', 'b', 'c', 'd', 'e'];
    const claims = await Promise.all(keyIds.map((keyId) => createKey(store, { keyId })));
    const held = { usd: '0.01234567890123' };
    const storms = await Promise.all(claims.map((claim) => admitAtOnce(claim, 100, held)));
    const outcomes = storms.flat();
    expect(admittedOf(outcomes)).toHaveLength(100);
    expect(new Set(refusalsOf(outcomes).map((r) => r.because))).toEqual(new Set(['balance']));
    const account = await store.organisations.account('acme');
    expect(account && usdText(account.balanceUsd)).toBe('0');
    expect(account?.holds).toHaveLength(100);
  }, 60_000);

  const boundaries: { name: string; limits: KeyLimits; because: string; fits: number }[] = [
    { name: 'requests a minute', limits: { requestsPerMinute: 17 }, because: 'requests', fits: 17 },
    { name: 'tokens a minute', limits: { tokensPerMinute: 1_299 }, because: 'tokens', fits: 12 },
    { name: 'concurrency', limits: { concurrency: 5 }, because: 'concurrency', fits: 5 },
    { name: 'daily spend', limits: { dailyUsd: usd('0.9') }, because: 'daily_spend', fits: 9 },
  ];
  it.each(boundaries)('is exact at the boundary of $name', async ({ limits, because, fits }) => {
    await createOrganisation(store);
    const claim = await createKey(store, { limits });
    const outcomes = await admitAtOnce(claim, 60, { usd: '0.1', tokens: 100 });
    expect(admittedOf(outcomes)).toHaveLength(fits);
    expect(new Set(refusalsOf(outcomes).map((r) => r.because))).toEqual(new Set([because]));
  });

  it('is exact at the boundary of a monthly budget, postpaid or prepaid', async () => {
    for (const billing of ['prepaid', 'postpaid'] as const) {
      const organisationId = `org-${billing}`;
      const balance = billing === 'prepaid' ? '100' : '0';
      await createOrganisation(store, { organisationId, billing, balance, budget: '0.7' });
      const claim = await createKey(store, { keyId: billing, organisationId });
      const outcomes = await admitAtOnce(claim, 40, { usd: '0.1' });
      expect(admittedOf(outcomes)).toHaveLength(7);
      expect(new Set(refusalsOf(outcomes).map((r) => r.because))).toEqual(new Set(['budget']));
    }
  });

  it('shares one balance between the keys of an organisation, to the last unit', async () => {
    await createOrganisation(store, { balance: '0.31' });
    const keyIds = ['a', 'b', 'c', 'd'];
    const claims = await Promise.all(keyIds.map((keyId) => createKey(store, { keyId })));
    const all = await Promise.all(claims.map((claim) => admitAtOnce(claim, 25, { usd: '0.01' })));
    expect(admittedOf(all.flat())).toHaveLength(31);
  });
});

describe('a caller', () => {
  it('is told its limits and settings as they stand, from its first call on', async () => {
    await createOrganisation(store);
    const before = { requestsPerMinute: 60, tokensPerMinute: 6_000 };
    const claim = await createKey(store, { limits: before, settings: { name: 'one' } });
    const held = { usd: '0.1', tokens: 100 };
    for (const remaining of [59, 58, 57]) {
      const [told] = admittedOf(await admitAtOnce(claim, 1, held));
      const left = { requests: remaining, tokens: 6_000 - (60 - remaining) * 100 };
      expect(told?.caller).toMatchObject({ limits: before, settings: { name: 'one' } });
      expect(told?.caller.remaining).toEqual(left);
    }
    const limits = { requestsPerMinute: 30, concurrency: 9, dailyUsd: usd('5') };
    await store.keys.change(claim, { limits, settings: { models: ['only'] } });
    const [told] = admittedOf(await admitAtOnce(claim, 1, held));
    expect(told?.caller.limits).toEqual(limits);
    expect(told?.caller.settings).toEqual({ models: ['only'] });
    expect(told?.caller.remaining).toEqual({ requests: 26 });
  });
});

describe('a refusal', () => {
  it('consumes nothing: both accounts are as they were', async () => {
    await createOrganisation(store, { balance: '0.5', budget: '10' });
    const claim = await createKey(store, {
      limits: { requestsPerMinute: 10, tokensPerMinute: 1_000, dailyUsd: usd('0.4') },
    });
    const first = await store.accounts.admit(admitRequest(store, claim, { usd: '0.1' }));
    if (!first.admitted) throw new Error('the first call must get in');
    await store.accounts.settle(settleRequest(first.hold, { usd: '0.05', tokens: 40 }));
    const before = await accountItems(claim);
    const asked = { dear: '0.46', daily: '0.36', cheap: '0.01' };
    await expectRefusal(claim, { usd: asked.dear }, 'daily_spend');
    await expectRefusal(claim, { usd: asked.daily }, 'daily_spend');
    await expectRefusal(claim, { usd: asked.cheap, tokens: 961 }, 'tokens');
    await expectRefusal({ ...claim, secretHash: 'another' }, { usd: asked.cheap }, 'wrong_secret');
    await store.keys.change(claim, { limits: {}, settings: {} });
    const unlimited = await accountItems(claim);
    await expectRefusal(claim, { usd: asked.dear }, 'balance');
    expect(await accountItems(claim)).toEqual(unlimited);
    expect(before.organisation).toEqual(unlimited.organisation);
  });

  it('says the limit, what remains and when it starts afresh', async () => {
    await createOrganisation(store, { balance: '5', budget: '1' });
    const claim = await createKey(store, { limits: { requestsPerMinute: 1 } });
    await store.accounts.admit(admitRequest(store, claim, { usd: '0.25' }));
    expect(await refusalOf(claim, { usd: '0.25' })).toEqual({
      by: 'key',
      because: 'requests',
      limit: 1,
      remaining: 0,
      resetMs: 30_000,
    });
    store.clock.set(store.clock.now() + 60_000);
    const budget = await refusalOf(claim, { usd: '0.76' });
    expect(budget).toMatchObject({ by: 'organisation', because: 'budget' });
    if (budget?.because !== 'budget') throw new Error('not the budget');
    expect([usdText(budget.limit), usdText(budget.remaining)]).toEqual(['1', '0.75']);
    expect(store.clock.now() + budget.resetMs).toBe(Date.UTC(2026, 11, 1));
  });

  it('names who a caller is not', async () => {
    await createOrganisation(store);
    const claim = await createKey(store, { expiresAt: store.clock.now() + 1_000 });
    const stranger = { ...claim, keyId: 'nobody' };
    expect(await refusalOf(stranger, { usd: '0' })).toEqual({ by: 'key', because: 'unknown' });
    expect(await refusalOf({ ...claim, organisationId: 'none' }, { usd: '0' })).toEqual({
      by: 'organisation',
      because: 'unknown',
    });
    store.clock.set(store.clock.now() + 1_000);
    expect(await refusalOf(claim, { usd: '0' })).toEqual({ by: 'key', because: 'expired' });
    await store.keys.setStatus(claim, 'revoked');
    expect(await refusalOf(claim, { usd: '0' })).toEqual({ by: 'key', because: 'revoked' });
  });
});

async function refusalOf(claim: KeyClaim, held: { usd: string; tokens?: number }) {
  const outcome = await store.accounts.admit(admitRequest(store, claim, held));
  return outcome.admitted ? undefined : outcome.refusal;
}

async function expectRefusal(
  claim: KeyClaim,
  held: { usd: string; tokens?: number },
  because: string,
): Promise<void> {
  const before = await accountItems(claim);
  expect((await refusalOf(claim, held))?.because).toBe(because);
  expect(await accountItems(claim)).toEqual(before);
}

async function accountItems(claim: KeyClaim) {
  const read = (pk: string) =>
    store.client.getItem({
      TableName: store.tables.counters,
      Key: { pk: { S: pk } },
      ConsistentRead: true,
    });
  return {
    key: await read(`key#${claim.keyId}`),
    organisation: await read(`org#${claim.organisationId}#0`),
  };
}
