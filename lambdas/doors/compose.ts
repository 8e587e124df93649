/** Wires real edges to the gateway's ports; nothing else in the project does. */
import type { Accounts } from '../core/accounts.ts';
import type { Clock, Credentials, Ids, Log, PolicySource, Upstream } from '../core/ports.ts';
import type { TableNames } from '../core/settings.ts';
import { systemClock } from '../edges/clock.ts';
import { createDynamoAccounts } from '../edges/dynamo/accounts.ts';
import type { DynamoClient } from '../edges/dynamo/client.ts';
import { createIds } from '../edges/ids.ts';
import { createKeyring } from '../edges/keyring.ts';
import { createGateway, type Gateway } from '../gateway/gateway.ts';

/** The parts that differ between doors; the rest is the same for all of them. */
export type Parts = {
  client: DynamoClient;
  tables: TableNames;
  /** Signs and checks API keys. */
  signingKey: Uint8Array;
  policy: PolicySource;
  credentials: Credentials;
  upstream: Upstream;
  log: Log;
  clock?: Clock;
  ids?: Ids;
  /** Stands before the accounts: counts or times them, or lets them fail. */
  around?: (accounts: Accounts) => Accounts;
};

export function compose(parts: Parts): Gateway {
  const { client, tables, policy, credentials, upstream, log } = parts;
  const clock = parts.clock ?? systemClock;
  const accounts = createDynamoAccounts({ client, tables, clock });
  return createGateway({
    clock,
    ids: parts.ids ?? createIds(),
    keyring: createKeyring(parts.signingKey),
    accounts: parts.around?.(accounts) ?? accounts,
    policy,
    credentials,
    upstream,
    log,
  });
}
