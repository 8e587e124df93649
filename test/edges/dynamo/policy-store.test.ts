/** The policy in the store: the last good one stays in force, whatever comes after it. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Policy } from '../../../lambdas/core/policy.ts';
import type { Log } from '../../../lambdas/core/ports.ts';
import {
  createPolicySource,
  createPolicyStore,
  type PolicyStore,
} from '../../../lambdas/edges/dynamo/policy-store.ts';
import { openTestStore, type TestStore } from '../../support/store.ts';

let store: TestStore;
let policies: PolicyStore;
let monotonic = 0;
let logged: string[] = [];
beforeEach(async () => {
  store = await openTestStore();
  policies = createPolicyStore(store);
  monotonic = 0;
  logged = [];
});

function compile(text: string, version: string): Policy {
  if (!text.startsWith('good')) throw new Error('not a policy');
  return {
    version,
    providers: new Map(),
    models: new Map(),
    groups: new Map(),
    worth: { secondUsd: 0, errorUsd: 0 },
    attempts: { legsMax: 1, attemptsMax: 1, deadlineMs: 1 },
  };
}

const log: Log = { info: () => {}, error: (event) => logged.push(event) };

function openSource() {
  const { client, tables } = store;
  const clock = { monotonicMs: () => monotonic };
  return createPolicySource({ client, tables, compile, clock, log, refreshMs: 5_000 });
}

async function eventually(holds: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !holds(); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  expect(holds()).toBe(true);
}

describe('the policy source', () => {
  it('has nothing to say before a policy is written, and recovers once one is', async () => {
    const source = openSource();
    await expect(source.ready()).rejects.toThrow('no policy');
    expect(() => source.current()).toThrow('no policy');
    await policies.write({ version: 'v1', text: 'good' });
    await source.ready();
    expect(source.current().version).toBe('v1');
  });

  it('takes up a new version by use, without making that use wait', async () => {
    await policies.write({ version: 'v1', text: 'good' });
    const source = openSource();
    await source.ready();
    await policies.write({ version: 'v2', text: 'good as well' });
    monotonic = 4_999;
    expect(source.current().version).toBe('v1');
    monotonic = 5_000;
    expect(source.current().version).toBe('v1');
    await eventually(() => source.current().version === 'v2');
  });

  it('keeps the last good policy through a broken document and through silence', async () => {
    await policies.write({ version: 'v1', text: 'good' });
    const source = openSource();
    await source.ready();
    await policies.write({ version: 'v2', text: 'broken' });
    monotonic = 5_000;
    source.current();
    await eventually(() => logged.length === 1);
    expect(source.current().version).toBe('v1');
    await policies.write({ version: 'v3', text: 'good again' });
    monotonic = 10_000;
    await eventually(() => source.current().version === 'v3');
    expect(logged).toEqual(['policy-refresh-failed']);
  });
});

describe('the policy store', () => {
  it('replaces only the version that its writer has seen', async () => {
    expect(await policies.write({ version: 'v1', text: 'a' }, { version: undefined })).toBe(true);
    expect(await policies.write({ version: 'v2', text: 'b' }, { version: undefined })).toBe(false);
    expect(await policies.write({ version: 'v2', text: 'b' }, { version: 'v0' })).toBe(false);
    expect(await policies.write({ version: 'v2', text: 'b' }, { version: 'v1' })).toBe(true);
    expect(await policies.read()).toEqual({ version: 'v2', text: 'b' });
  });
});
