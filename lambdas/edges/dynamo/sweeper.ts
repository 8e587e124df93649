/** The sweeper: finds dead holds on accounts that nobody calls any more. */
import type { Clock } from '../../core/ports.ts';
import type { TableNames } from '../../core/settings.ts';
import { expiredHolds } from './account-items.ts';
import type { DynamoAccounts } from './accounts.ts';
import { type Item, readText } from './attributes.ts';
import type { DynamoClient } from './client.ts';
import type { Healed, Suspect } from './healing.ts';

export type SweepReport = { accounts: number; suspects: number; healed: Record<Healed, number> };

type Options = {
  client: DynamoClient;
  tables: TableNames;
  clock: Pick<Clock, 'now'>;
  accounts: Pick<DynamoAccounts, 'heal'>;
};

/** Looks at every account once and heals what it finds; safe beside calls and other sweepers. */
export async function sweep({ client, tables, clock, accounts }: Options): Promise<SweepReport> {
  const healed = { gone: 0, alive: 0, settled: 0, recovered: 0, void: 0 };
  const report: SweepReport = { accounts: 0, suspects: 0, healed };
  let next: Item | undefined;
  do {
    const page = await client.scan({
      TableName: tables.counters,
      ConsistentRead: true,
      ...(next === undefined ? {} : { ExclusiveStartKey: next }),
    });
    for (const item of page.items) {
      report.accounts++;
      for (const suspect of suspectsIn(item, clock.now())) {
        report.suspects++;
        healed[await accounts.heal(suspect)]++;
      }
    }
    next = page.next;
  } while (next !== undefined);
  return report;
}

function suspectsIn(item: Item, now: number): Suspect[] {
  const [kind, id] = (readText(item.pk) ?? '').split('#');
  if (id === undefined || (kind !== 'key' && kind !== 'org')) return [];
  return expiredHolds(item, now).map(({ callId, other }) =>
    kind === 'key'
      ? { callId, keyId: id, organisationId: other }
      : { callId, keyId: other, organisationId: id },
  );
}
