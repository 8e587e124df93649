/** Calls that waited for a price get one through the control plane, once. */
import { beforeAll, describe, expect, it } from 'vitest';
import { createAdmin } from '../../lambdas/admin/admin.ts';
import type { AdminPorts } from '../../lambdas/admin/ports.ts';
import {
  admitRequest,
  createKey,
  createOrganisation,
  newCallId,
  openTestStore,
  settleRequest,
  type TestStore,
} from '../support/store.ts';

let store: TestStore;
let ports: AdminPorts;
let callId: string;

beforeAll(async () => {
  store = await openTestStore();
  ports = {
    ...store,
    log: { info() {}, error() {} },
    policy: { document: () => ({}), version: () => 'v1' },
    admits: () => true,
  };
  const claim = await createKey(store, { organisationId: await createOrganisation(store) });
  const admitted = await store.accounts.admit(admitRequest(store, claim, { usd: '0.5' }));
  if (!admitted.admitted) throw new Error('not admitted');
  callId = admitted.hold.callId;
  await store.accounts.settle(settleRequest(admitted.hold, { usd: '0', status: 'unpriced' }));
});

type Body = Record<string, unknown> & { error?: { param?: string } };

async function call(method: string, path: string, body?: unknown) {
  const answer = await createAdmin(ports)({
    ...{ method, path: `/admin/v1/${path}`, query: '', secret: 'any', body },
  });
  return { status: answer.status, body: answer.body as Body };
}
const price = (body: unknown, id = callId) => call('POST', `requests/${id}/price`, body);
const right = { organisation: 'acme', costUsd: '0.12345678012345679' };

describe('a call without a price', () => {
  it.each([
    ['money as a number', { ...right, costUsd: 0.1 }, 400, 'costUsd'],
    ['less than nothing', { ...right, costUsd: '-0.1' }, 400, 'costUsd'],
    ['no organisation', { costUsd: '0.1' }, 400, 'organisation'],
    ["another's organisation", { ...right, organisation: 'other' }, 404, 'id'],
  ])('is not priced by %s', async (_, body, status, param) => {
    const answer = await price(body);
    expect([answer.status, answer.body.error?.param]).toEqual([status, param]);
    expect((await call('GET', `requests/${callId}`)).body.costUsd).toBeNull();
  });

  it('is held for until it is priced, and charged once, however often that is told', async () => {
    const before = await call('GET', 'organisations/acme');
    expect(before.body).toMatchObject({ balanceUsd: '99.5', heldUsd: '0.5', spentUsd: '0' });
    const first = await price(right);
    expect([first.status, first.body.outcome]).toEqual([200, 'priced']);
    expect(first.body).toMatchObject({ callId, costUsd: right.costUsd });
    const again = await price(right);
    expect([again.status, again.body.outcome]).toEqual([200, 'already-priced']);
    const other = await price({ ...right, costUsd: '0.2' });
    expect([other.status, other.body.error?.param]).toEqual([409, 'costUsd']);
    const after = await call('GET', 'organisations/acme');
    expect(after.body).toMatchObject({ heldUsd: '0', spentUsd: right.costUsd });
    expect(after.body.balanceUsd).toBe('99.87654321987654321');
  });

  it('that nobody made is a 404', async () => {
    expect((await price(right, newCallId(store.clock.now()))).status).toBe(404);
    expect((await price(right, 'no-call-id')).status).toBe(404);
    expect((await call('GET', `requests/${callId}/price`)).status).toBe(405);
  });
});
