/** A process that dies: from some write on, nothing of it reaches the store any more. */
import { StoreError } from '../../lambdas/core/accounts.ts';
import type { Item } from '../../lambdas/edges/dynamo/attributes.ts';
import type { DynamoClient } from '../../lambdas/edges/dynamo/client.ts';

/**
 * Lets so many writes through and fails the rest; with `unreachable`, writes to the item of that
 * partition key fail from the start. Reads of a dead process do not matter, and fail with it.
 */
export function dyingClient(
  client: DynamoClient,
  writes: number,
  unreachable?: string,
): DynamoClient {
  let left = writes;
  const spend = (key: Item): void => {
    const pk = key.pk;
    if (left <= 0 || (pk !== undefined && 'S' in pk && pk.S === unreachable)) {
      throw new StoreError('the process has died');
    }
    left--;
  };
  return {
    ...client,
    async putItem(input) {
      spend(input.Item);
      await client.putItem(input);
    },
    async updateItem(input) {
      spend(input.Key);
      return await client.updateItem(input);
    },
  };
}
