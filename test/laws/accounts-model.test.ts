/** Law: under any history of calls, crashes and repeats the store agrees with plain arithmetic. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KeyClaim } from '../../lambdas/core/accounts.ts';
import type { Hold } from '../../lambdas/core/hold.ts';
import { sumUsd, type Usd, usd, usdText, zeroUsd } from '../../lambdas/core/money.ts';
import { createDynamoAccounts } from '../../lambdas/edges/dynamo/accounts.ts';
import { sweep } from '../../lambdas/edges/dynamo/sweeper.ts';
import { AccountsModel, type ModelHold } from '../support/accounts-model.ts';
import { dyingClient } from '../support/dying-client.ts';
import {
  admitRequest,
  createKey,
  createOrganisation,
  openTestStore,
  settleRequest,
  type TestStore,
} from '../support/store.ts';

const limits = { requests: 6, tokens: 900, concurrency: 4, daily: usd('2') };
const budget = usd('3.5');
const seed = Number(process.env.FAIRLEAD_TEST_SEED ?? Date.now() % 2 ** 31);
const runs = 25;

/** Up to a dollar, with decimals that a double could not keep. */
const amount = fc
  .bigInt({ min: 0n, max: 10n ** 18n })
  .map((n) => usd(`${n / 10n ** 18n}.${String(n % 10n ** 18n).padStart(18, '0')}`));
const key = fc.nat({ max: 1 });
const which = fc.nat({ max: 30 });
const tokens = fc.nat({ max: 400 });

const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('admit'), key, amount, tokens } as const) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('settle'),
      which,
      amount,
      tokens,
      unpriced: fc.integer({ min: 0, max: 5 }).map((n) => n === 0),
      writes: fc.constantFrom(9, 9, 9, 0, 1, 2),
    } as const),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('half-admit'),
      key,
      amount,
      tokens,
      lost: fc.constantFrom('key', 'organisation'),
    } as const),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('price'), which, amount } as const) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('top-up'), amount } as const) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('wait'),
      ms: fc.constantFrom(1_000, 30_000, 61_000, 130_000, 90_000_000),
    } as const),
  },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

type World = {
  store: TestStore;
  model: AccountsModel;
  claims: KeyClaim[];
  holds: Map<string, Hold>;
  payments: number;
};

async function openWorld(): Promise<World> {
  const store = await openTestStore(Date.UTC(2026, 10, 29, 23, 58, 40));
  const model = new AccountsModel(2, limits, budget);
  await createOrganisation(store, { balance: '2.75', budget: usdText(budget) });
  model.topUp(usd('2.75'));
  const keyLimits = {
    requestsPerMinute: limits.requests,
    tokensPerMinute: limits.tokens,
    concurrency: limits.concurrency,
    dailyUsd: limits.daily,
  };
  const claims = [
    await createKey(store, { keyId: 'one', limits: keyLimits }),
    await createKey(store, { keyId: 'two', limits: keyLimits }),
  ];
  return { store, model, claims, holds: new Map(), payments: 0 };
}

async function act(world: World, does: Action): Promise<void> {
  const { store, model } = world;
  const now = store.clock.now();
  if (does.do === 'admit') return await admit(world, does);
  if (does.do === 'half-admit') return await halfAdmit(world, does);
  if (does.do === 'settle') return await settle(world, does);
  if (does.do === 'price') {
    const held = pick(world, does.which, (hold) => hold.record !== undefined);
    if (held === undefined || held.record?.cost !== undefined || !held.onOrganisation) return;
    const cost = least(does.amount, held.usd);
    const call = { organisationId: 'acme', callId: held.callId, costUsd: does.amount };
    expect(await store.usage.price(call)).toBe('priced');
    model.settleKey(held, now);
    return model.price(held, cost, now);
  }
  if (does.do === 'top-up') {
    if (does.amount.isZero()) return;
    const payment = {
      organisationId: 'acme',
      paymentId: `payment-${world.payments++}`,
      amountUsd: does.amount,
    };
    const answers = await Promise.all([store.ledger.book(payment), store.ledger.book(payment)]);
    expect(answers.sort()).toEqual(['already-booked', 'booked']);
    return model.topUp(does.amount);
  }
  store.clock.set(now + does.ms);
  await sweepUp(world);
}

async function admit(world: World, does: { key: number; amount: Usd; tokens: number }) {
  const { store, model } = world;
  const claim = claimOf(world, does.key);
  const held = { usd: usdText(does.amount), tokens: does.tokens };
  const request = admitRequest(store, claim, held);
  const expected = model.refusal(does.key, does.amount, does.tokens, request.now);
  const outcome = await store.accounts.admit(request);
  expect(outcome.admitted ? undefined : outcome.refusal.because).toBe(expected);
  if (!outcome.admitted) return;
  world.holds.set(outcome.hold.callId, outcome.hold);
  model.take(modelHold(outcome.hold, does.key, request.now, { onKey: true, onOrganisation: true }));
  expect(outcome.caller.remaining).toEqual({
    requests: model.requestsLeft(does.key, request.now),
    tokens: model.tokensLeft(does.key, request.now),
  });
}

/** The process dies when only one account has heard of the call. */
async function halfAdmit(
  world: World,
  does: { key: number; amount: Usd; tokens: number; lost: 'key' | 'organisation' },
) {
  const { store, model } = world;
  const claim = claimOf(world, does.key);
  const request = admitRequest(store, claim, { usd: usdText(does.amount), tokens: does.tokens });
  if (model.refusal(does.key, does.amount, does.tokens, request.now) !== undefined) return;
  const pk = does.lost === 'key' ? `key#${claim.keyId}` : 'org#acme#0';
  const client = dyingClient(store.client, 1, pk);
  await createDynamoAccounts({ ...store, client })
    .admit(request)
    .catch(() => {});
  const onKey = does.lost !== 'key';
  const hold = { callId: request.callId, ...request.hold, expiresAt: request.expiresAt };
  model.take(modelHold(hold, does.key, request.now, { onKey, onOrganisation: !onKey }));
}

async function settle(
  world: World,
  does: { which: number; amount: Usd; tokens: number; unpriced: boolean; writes: number },
) {
  const { store, model } = world;
  const held = pick(world, does.which, () => true);
  const hold = held && world.holds.get(held.callId);
  if (held === undefined || hold === undefined) return;
  const now = store.clock.now();
  // A debt of tokens takes more writes than can be counted beforehand: no crash is aimed at one.
  const used = does.writes === 9 ? does.tokens : Math.min(does.tokens, held.tokens);
  const request = settleRequest(hold, {
    usd: usdText(does.amount),
    tokens: used,
    status: does.unpriced ? 'unpriced' : 'ok',
  });
  const client = dyingClient(store.client, does.writes);
  const settling = createDynamoAccounts({ ...store, client }).settle(request);
  await settling.catch((error: unknown) => {
    if (does.writes === 9) throw error;
  });
  if (does.writes === 0) return;
  held.record ??= {
    cost: does.unpriced ? undefined : least(does.amount, held.usd),
    tokens: used,
  };
  if (does.writes >= 2) model.settleKey(held, now);
  if (does.writes >= 3) model.settleOrganisation(held, now);
}

/** Lets the sweeper find what has expired, and the model know what it must have found. */
async function sweepUp(world: World): Promise<void> {
  const { store, model } = world;
  const now = store.clock.now();
  await sweep(store);
  for (const held of model.holds.values()) if (held.expiresAt <= now) model.heal(held, now);
}

async function agree(world: World): Promise<void> {
  const { store, model } = world;
  const now = store.clock.now();
  const account = await store.organisations.account('acme');
  if (account === undefined) throw new Error('no account');
  const held = sumUsd(account.holds.map((hold) => hold.usd));
  const all = account.balanceUsd.plus(held).plus(account.spentUsd);
  expect(usdText(all), 'I1').toBe(usdText(account.toppedUpUsd));
  expect(usdText(account.toppedUpUsd)).toBe(usdText(model.toppedUp));
  expect(usdText(account.balanceUsd)).toBe(usdText(model.balance));
  expect(usdText(account.spentUsd)).toBe(usdText(model.spent));
  expect(usdText(held)).toBe(usdText(model.heldUsd()));
  expect(usdText(account.budgetRemainingUsd ?? zeroUsd)).toBe(usdText(model.budgetLeft(now)));
  for (const [index, claim] of world.claims.entries()) {
    const keyAccount = await store.keys.account(claim.keyId);
    expect(keyAccount?.remaining.requests).toBe(model.requestsLeft(index, now));
    expect(keyAccount?.remaining.tokens).toBe(model.tokensLeft(index, now));
    expect(keyAccount?.remaining.dailyUsd?.toFixed()).toBe(usdText(model.dailyLeft(index, now)));
    expect(keyAccount?.spentUsd.toFixed()).toBe(model.keys[index]?.spent.toFixed());
  }
  await neverNegative(store);
}

async function neverNegative(store: TestStore): Promise<void> {
  const { items } = await store.client.scan({ TableName: store.tables.counters });
  for (const item of items) {
    for (const [name, value] of Object.entries(item)) {
      if ('N' in value) expect(value.N.startsWith('-'), `I5: ${name} = ${value.N}`).toBe(false);
    }
  }
}

async function booksClose(world: World): Promise<void> {
  const { store } = world;
  store.clock.set(store.clock.now() + 600_000);
  await sweepUp(world);
  await agree(world);
  const account = await store.organisations.account('acme');
  const usage = await store.client.scan({ TableName: store.tables.usage });
  const recorded = usage.items.map((item) => usd('N' in (item.costUsd ?? {}) ? costOf(item) : '0'));
  const byKey = await Promise.all(world.claims.map((claim) => store.keys.account(claim.keyId)));
  const keySpent = sumUsd(byKey.map((keyAccount) => keyAccount?.spentUsd ?? zeroUsd));
  expect(usdText(sumUsd(recorded)), 'I2: records').toBe(account?.spentUsd.toFixed());
  expect(usdText(keySpent), 'I2: keys').toBe(account?.spentUsd.toFixed());
  const now = store.clock.now();
  const overdue = account?.holds.filter((hold) => (hold.expiresAt ?? now + 1) <= now);
  expect(overdue, 'I4').toEqual([]);
}

describe(`the accounts (seed ${seed})`, () => {
  it('agree with arithmetic after every action of any history', async () => {
    const histories = fc.array(action, { minLength: 5, maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(histories, async (history) => {
        const world = await openWorld();
        for (const does of history) {
          await act(world, does);
          await agree(world);
        }
        await booksClose(world);
        await world.store.client.close();
      }),
      { seed, numRuns: runs },
    );
  }, 120_000);
});

function costOf(item: Record<string, unknown>): string {
  const value = item.costUsd as { N: string };
  return value.N;
}

function least(a: Usd, b: Usd): Usd {
  return a.lessThan(b) ? a : b;
}

function claimOf(world: World, index: number): KeyClaim {
  const claim = world.claims[index];
  if (claim === undefined) throw new RangeError(`no key ${index}`);
  return claim;
}

function pick(world: World, at: number, wanted: (hold: ModelHold) => boolean) {
  const holds = [...world.model.holds.values()].filter(wanted);
  return holds[at % Math.max(holds.length, 1)];
}

function modelHold(
  hold: Pick<Hold, 'callId' | 'usd' | 'tokens' | 'expiresAt'>,
  keyIndex: number,
  at: number,
  on: { onKey: boolean; onOrganisation: boolean },
): ModelHold {
  const { callId, tokens: heldTokens, expiresAt } = hold;
  return { callId, usd: hold.usd, tokens: heldTokens, expiresAt, key: keyIndex, at, ...on };
}
