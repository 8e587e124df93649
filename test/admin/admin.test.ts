/** The control plane over a real store: what it shows, what it books, and what it refuses. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createAdmin } from '../../lambdas/admin/admin.ts';
import type { AdminPorts } from '../../lambdas/admin/ports.ts';
import { dayOf } from '../../lambdas/core/call-id.ts';
import {
  admitRequest,
  createKey,
  createOrganisation,
  openTestStore,
  settleRequest,
  type TestStore,
} from '../support/store.ts';

const secret = 'an-admin-key';
let store: TestStore;
let ports: AdminPorts;
const errors: string[] = [];

beforeAll(async () => {
  store = await openTestStore();
  ports = {
    ...store,
    log: { info() {}, error: (event) => void errors.push(event) },
    policy: { document: () => ({ providers: {} }), version: () => 'v1' },
    admits: (shown) => shown === secret,
  };
});

async function call(method: string, target: string, body?: unknown, shown?: string) {
  const [path = '', query = ''] = target.split('?');
  const answer = await createAdmin(ports)({
    ...{ method, path: `/admin/v1/${path}`, query, body, secret: shown ?? secret },
  });
  return { status: answer.status, body: answer.body as Record<string, unknown> };
}
const get = (target: string) => call('GET', target);
const post = (target: string, body: unknown) => call('POST', target, body);

describe('without an admin key', () => {
  it('every resource is closed, those that do not exist included', async () => {
    for (const path of ['organisations', 'organisations/acme', 'policy', 'health', 'nothing']) {
      const answer = await call('GET', path, undefined, 'flk_of_a_caller');
      expect([path, answer.status]).toEqual([path, 401]);
      expect(answer.body).toMatchObject({ error: { code: 'invalid_key' } });
    }
  });
});

describe('an organisation', () => {
  it('shows its balance, what is held, and what was spent, in exact decimals', async () => {
    const id = await createOrganisation(store, { organisationId: 'shown', budget: '10' });
    const claim = await createKey(store, { keyId: 'shown-key', organisationId: id });
    const kept = await store.accounts.admit(admitRequest(store, claim, { usd: '0.3' }));
    const spent = await store.accounts.admit(admitRequest(store, claim, { usd: '0.2' }));
    if (!kept.admitted || !spent.admitted) throw new Error('not admitted');
    await store.accounts.settle(settleRequest(spent.hold, { usd: '0.0000001' }));
    const { status, body } = await get(`organisations/${id}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({
      ...{ id, billing: 'prepaid', status: 'active', toppedUpUsd: '100' },
      ...{ balanceUsd: '99.6999999', heldUsd: '0.3', spentUsd: '0.0000001' },
      ...{ budgetUsd: '10', budgetRemainingUsd: '9.6999999' },
      holds: [{ callId: kept.hold.callId, usd: '0.3', unpriced: false }],
    });
    const key = await get('keys/shown-key');
    expect(key.body).toMatchObject({
      ...{ organisation: id, spentUsd: '0.0000001', heldUsd: '0.3', callsInFlight: 1 },
    });
    expect(JSON.stringify(key.body)).not.toContain(claim.secretHash);
  });

  it('that is not there is a 404', async () => {
    expect((await get('organisations/nobody')).status).toBe(404);
    expect((await get('keys/nobody')).status).toBe(404);
  });
});

describe('credits', () => {
  it('are booked once for a payment id, however often they are told', async () => {
    const organisation = await createOrganisation(store, { organisationId: 'paying' });
    const payment = { organisation, paymentId: 'invoice-7', amountUsd: '12.50', note: 'May' };
    const first = await post('credits', payment);
    expect([first.status, first.body.outcome]).toEqual([201, 'booked']);
    const [again, atOnce] = await Promise.all([post('credits', payment), post('credits', payment)]);
    for (const answer of [again, atOnce]) {
      expect([answer.status, answer.body.outcome]).toEqual([200, 'already-booked']);
    }
    expect((await get(`organisations/${organisation}`)).body.balanceUsd).toBe('112.5');
    const other = await post('credits', { ...payment, amountUsd: '13' });
    expect([other.status, other.body]).toMatchObject([409, { error: { param: 'paymentId' } }]);
  });

  it('go back no further than the balance', async () => {
    const organisation = await createOrganisation(store, { organisationId: 'leaving' });
    const refund = { organisation, paymentId: 'refund', amountUsd: '-100.000001' };
    expect((await post('credits', refund)).status).toBe(402);
    expect((await post('credits', { ...refund, amountUsd: '-100' })).status).toBe(201);
    expect((await get(`organisations/${organisation}`)).body.balanceUsd).toBe('0');
  });

  const right = { organisation: 'paying', paymentId: 'p', amountUsd: '1' };
  it.each([
    ['money as a number', { ...right, amountUsd: 1.5 }, 400, 'amountUsd'],
    ['nothing', { ...right, amountUsd: '0' }, 400, 'amountUsd'],
    ['no payment id', { ...right, paymentId: '' }, 400, 'paymentId'],
    ['a field nobody knows', { ...right, amount: '1' }, 400, 'amount'],
    ['nobody to credit', { ...right, organisation: 'nobody' }, 404, 'organisation'],
    ['no body', undefined, 400, undefined],
  ])('refuse %s', async (_, body, status, param) => {
    const answer = await post('credits', body);
    expect(answer.status).toBe(status);
    expect((answer.body.error as { param?: string }).param).toBe(param);
  });
});

describe('requests', () => {
  it('are found by call id, and by organisation and day, a page at a time', async () => {
    const organisationId = await createOrganisation(store, { organisationId: 'asking' });
    const claim = await createKey(store, { keyId: 'asking-key', organisationId });
    const callIds: string[] = [];
    for (let calls = 0; calls < 3; calls++) {
      store.clock.set(store.clock.now() + 1_000);
      const admitted = await store.accounts.admit(admitRequest(store, claim, { usd: '0.1' }));
      if (!admitted.admitted) throw new Error('not admitted');
      await store.accounts.settle(settleRequest(admitted.hold, { usd: '0.01' }));
      callIds.unshift(admitted.hold.callId);
    }
    const one = await get(`requests/${callIds[0]}`);
    expect(one.body).toMatchObject({ callId: callIds[0], organisationId, costUsd: '0.01' });
    const day = dayOf(store.clock.now());
    type Page = { requests: { callId: string }[]; next: string | null };
    const first = await get(`requests?organisation=${organisationId}&day=${day}&limit=2`);
    const { requests, next } = first.body as Page;
    const second = await get(`requests?organisation=${organisationId}&limit=2&after=${next}`);
    const rest = second.body as Page;
    expect([...requests, ...rest.requests].map((entry) => entry.callId)).toEqual(callIds);
    expect(
      (await get(`requests?organisation=${organisationId}&day=20200101`)).body.requests,
    ).toHaveLength(0);
  });

  it.each([
    ['requests', 400],
    ['requests?organisation=asking&day=yesterday', 400],
    ['requests?organisation=asking&limit=0', 400],
    ['requests?organisation=asking&after=x', 400],
    ['requests/not-a-call-id', 404],
  ])('%s is refused', async (target, status) => {
    expect((await get(target)).status).toBe(status);
  });
});

describe('the rest', () => {
  it('shows the policy in force and whether the store answers', async () => {
    expect((await get('policy')).body).toEqual({ version: 'v1', document: { providers: {} } });
    expect((await get('health')).body).toMatchObject({ status: 'ok', store: 'ok' });
  });

  it('names the method that is allowed, and paths that lead nowhere', async () => {
    expect((await post('policy', {})).status).toBe(405);
    expect((await get('policies')).status).toBe(404);
  });

  it('says 503 when the store is silent, and 500 for a fault, without its words', async () => {
    const { StoreError } = await import('../../lambdas/core/accounts.ts');
    const failing = (error: Error): AdminPorts => ({
      ...ports,
      organisations: { ...ports.organisations, list: () => Promise.reject(error) },
    });
    const ask = (error: Error) =>
      createAdmin(failing(error))({
        ...{ method: 'GET', path: '/admin/v1/health', query: '', body: undefined, secret },
      });
    expect((await ask(new StoreError('host 10.0.0.1'))).status).toBe(503);
    const fault = await ask(new Error('a secret detail'));
    expect(fault.status).toBe(500);
    expect(JSON.stringify(fault.body)).not.toContain('secret detail');
    expect(errors.length).toBeGreaterThan(0);
  });
});
