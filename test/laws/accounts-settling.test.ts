/** Law: a call is charged once, in whatever order its writes arrive and wherever a process dies. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { KeyClaim } from '../../lambdas/core/accounts.ts';
import { StoreError } from '../../lambdas/core/accounts.ts';
import type { Hold } from '../../lambdas/core/hold.ts';
import { usd, usdText } from '../../lambdas/core/money.ts';
import { createDynamoAccounts } from '../../lambdas/edges/dynamo/accounts.ts';
import { dyingClient } from '../support/dying-client.ts';
import {
  admitRequest,
  createKey,
  createOrganisation,
  openTestStore,
  settleRequest,
  type TestStore,
} from '../support/store.ts';

let store: TestStore;
let claim: KeyClaim;
beforeEach(async () => {
  store = await openTestStore();
  await createOrganisation(store, { balance: '10', budget: '50' });
  claim = await createKey(store, { limits: { dailyUsd: usd('5'), tokensPerMinute: 1_000 } });
});

async function admit(held: { usd: string; tokens?: number; lifeMs?: number }): Promise<Hold> {
  const outcome = await store.accounts.admit(admitRequest(store, claim, held));
  if (!outcome.admitted) throw new Error(`refused: ${outcome.refusal.because}`);
  return outcome.hold;
}

/** Money on both accounts in decimal text, and how many holds stand. */
async function money() {
  const [organisation, key] = await Promise.all([
    store.organisations.account('acme'),
    store.keys.account(claim.keyId),
  ]);
  if (organisation === undefined || key === undefined) throw new Error('no accounts');
  return {
    balance: usdText(organisation.balanceUsd),
    spent: usdText(organisation.spentUsd),
    budget: organisation.budgetRemainingUsd && usdText(organisation.budgetRemainingUsd),
    keySpent: usdText(key.spentUsd),
    daily: key.remaining.dailyUsd && usdText(key.remaining.dailyUsd),
    tokens: key.remaining.tokens,
    holds: [organisation.holds.length, key.holds.length],
  };
}

const untouched = {
  balance: '10',
  spent: '0',
  budget: '50',
  keySpent: '0',
  daily: '5',
  tokens: 1_000,
  holds: [0, 0],
};
const charged = {
  balance: '9.87654321987654321',
  spent: '0.12345678012345679',
  budget: '49.87654321987654321',
  keySpent: '0.12345678012345679',
  daily: '4.87654321987654321',
  tokens: 950,
  holds: [0, 0],
};

describe('settling', () => {
  it('charges what was spent and gives the rest back, on both accounts', async () => {
    const hold = await admit({ usd: '0.5', tokens: 100 });
    expect(await money()).toMatchObject({ balance: '9.5', daily: '4.5', tokens: 900 });
    const spent = settleRequest(hold, { usd: '0.12345678012345679', tokens: 50 });
    expect(await store.accounts.settle(spent)).toBe('settled');
    expect(await money()).toEqual(charged);
  });

  it('charges once however often and at once it is told', async () => {
    const hold = await admit({ usd: '0.5', tokens: 100 });
    const spent = settleRequest(hold, { usd: '0.12345678012345679', tokens: 50 });
    const told = await Promise.all(Array.from({ length: 8 }, () => store.accounts.settle(spent)));
    expect(told.filter((answer) => answer === 'settled')).toHaveLength(1);
    expect(await store.accounts.settle(spent)).toBe('already-settled');
    expect(await money()).toEqual(charged);
  });

  it('believes the first record when a second one differs', async () => {
    const hold = await admit({ usd: '0.5', tokens: 100 });
    await store.accounts.settle(settleRequest(hold, { usd: '0.12345678012345679', tokens: 50 }));
    await store.accounts.settle(settleRequest(hold, { usd: '0.4', tokens: 100 }));
    expect(await money()).toEqual(charged);
    expect((await store.usage.get('acme', hold.callId))?.costUsd?.toFixed()).toBe(charged.spent);
  });

  it('never charges beyond the hold, and names the loss in the receipt', async () => {
    const hold = await admit({ usd: '0.5' });
    await store.accounts.settle(settleRequest(hold, { usd: '0.75' }));
    expect(await money()).toMatchObject({ balance: '9.5', spent: '0.5', keySpent: '0.5' });
    const stored = await store.usage.get('acme', hold.callId);
    expect(stored?.record.receipt.lossUsd).toBe('0.25');
  });

  it('carries tokens beyond the hold into the minutes to come, never below zero', async () => {
    const hold = await admit({ usd: '0.5', tokens: 100 });
    await store.accounts.settle(settleRequest(hold, { usd: '0.1', tokens: 2_500 }));
    expect((await money()).tokens).toBe(0);
    const refused = await store.accounts.admit(
      admitRequest(store, claim, { usd: '0', tokens: 600 }),
    );
    expect(refused.admitted ? undefined : refused.refusal).toMatchObject({
      because: 'tokens',
      remaining: 0,
      resetMs: 30_000 + 2 * 60_000,
    });
    store.clock.set(store.clock.now() + 120_000);
    expect((await money()).tokens).toBe(500);
  });
});

describe('a call that could not be priced', () => {
  it('frees its slot but not its money, until it is priced', async () => {
    const hold = await admit({ usd: '0.5', tokens: 100 });
    const unpriced = settleRequest(hold, { usd: '0', status: 'unpriced', tokens: 50 });
    await store.accounts.settle(unpriced);
    await store.accounts.settle(unpriced);
    const waiting = { balance: '9.5', spent: '0', daily: '4.5', holds: [1, 0], tokens: 950 };
    expect(await money()).toMatchObject(waiting);

    store.clock.set(store.clock.now() + 3_600_000);
    const suspect = { callId: hold.callId, keyId: claim.keyId, organisationId: 'acme' };
    await store.accounts.heal(suspect);
    expect(await money()).toMatchObject({ balance: '9.5', daily: '4.5', holds: [1, 0] });

    const call = { organisationId: 'acme', callId: hold.callId };
    const costUsd = usd('0.12345678012345679');
    expect(await store.usage.price({ ...call, costUsd })).toBe('priced');
    expect(await store.usage.price({ ...call, costUsd: usd('0.3') })).toBe('already-priced');
    await store.accounts.settle(unpriced);
    expect(await money()).toEqual({ ...charged, tokens: 1_000 });
  });
});

describe('a process that dies', () => {
  const stages = [0, 1, 2, 3];
  it.each(stages)('after %i writes of settling leaves nothing wrong behind', async (writes) => {
    const hold = await admit({ usd: '0.5', tokens: 100 });
    const dying = createDynamoAccounts({ ...store, client: dyingClient(store.client, writes) });
    const spent = settleRequest(hold, { usd: '0.12345678012345679', tokens: 100 });
    if (writes === 3) await dying.settle(spent);
    else await expect(dying.settle(spent)).rejects.toBeInstanceOf(StoreError);

    store.clock.set(hold.expiresAt + 1);
    await admit({ usd: '0.01' }).then((next) =>
      store.accounts.settle(settleRequest(next, { usd: '0' })),
    );
    const recovered = { ...untouched, tokens: 900 };
    expect(await money()).toEqual(writes === 0 ? recovered : { ...charged, tokens: 900 });
  });

  it('between the two holds of admission leaves a hold that is voided in full', async () => {
    for (const survives of ['key', 'organisation'] as const) {
      const request = admitRequest(store, claim, { usd: '0.5', tokens: 100 });
      const pk = survives === 'key' ? 'org#acme#0' : `key#${claim.keyId}`;
      const client = dyingClient(store.client, Number.POSITIVE_INFINITY, pk);
      const dying = createDynamoAccounts({ ...store, client });
      await expect(dying.admit(request)).rejects.toBeInstanceOf(StoreError);
      const suspect = { callId: request.callId, keyId: claim.keyId, organisationId: 'acme' };
      store.clock.set(request.expiresAt + 1);
      await store.accounts.heal(suspect);
      expect(await money()).toEqual(untouched);
      expect(await store.usage.get('acme', request.callId)).toBeUndefined();
    }
  });

  it('does not lock the key: a refusal is given only once dead holds are gone', async () => {
    await store.keys.change(claim, { limits: { concurrency: 1 }, settings: {} });
    await admit({ usd: '9', lifeMs: 60_000 });
    const early = await store.accounts.admit(admitRequest(store, claim, { usd: '9' }));
    expect(early.admitted).toBe(false);
    store.clock.set(store.clock.now() + 60_000);
    const late = await store.accounts.admit(admitRequest(store, claim, { usd: '9' }));
    expect(late.admitted).toBe(true);
  });

  it('is never declared dead before its hold expires', async () => {
    const hold = await admit({ usd: '0.5' });
    const suspect = { callId: hold.callId, keyId: claim.keyId, organisationId: 'acme' };
    store.clock.set(hold.expiresAt - 1);
    expect(await store.accounts.heal(suspect)).toBe('alive');
    store.clock.set(hold.expiresAt);
    expect(await store.accounts.heal(suspect)).toBe('recovered');
    expect(await store.accounts.heal(suspect)).toBe('gone');
  });
});
