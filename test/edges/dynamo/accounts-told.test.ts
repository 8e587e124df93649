import { expect, test } from 'vitest';
import { createDynamoAccounts } from '../../../lambdas/edges/dynamo/accounts.ts';
import type { DynamoClient } from '../../../lambdas/edges/dynamo/client.ts';
import { admitRequest, createKey, createOrganisation, openTestStore } from '../../support/store.ts';

test("a store that does not tell a key's settings is asked for them: its scope still binds", async () => {
  const store = await openTestStore();
  await createOrganisation(store);
  const claim = await createKey(store, { settings: { models: ['only-this'] } });
  const silent: DynamoClient = {
    ...store.client,
    async updateItem(input) {
      const { settings: _, rpm: __, ...item } = await store.client.updateItem(input);
      return item;
    },
  };
  const { tables, clock } = store;
  const accounts = createDynamoAccounts({ client: silent, tables, clock });
  const outcome = await accounts.admit(admitRequest(store, claim, { usd: '0.01' }));
  expect(outcome).toMatchObject({ admitted: true });
  const settings = outcome.admitted ? outcome.caller.settings : undefined;
  expect(settings?.models).toEqual(['only-this']);
});
