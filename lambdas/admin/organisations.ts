/** Organisations: what they have, what is held, and what they have spent. */
import { sumUsd, usdText } from '../core/money.ts';
import { refuse } from '../core/problem.ts';
import type { AdminPorts } from './ports.ts';
import { found, parameter, type Resource } from './resource.ts';

export const organisations: Resource[] = [
  {
    method: 'GET',
    path: 'organisations',
    async answer(ports) {
      const all = await ports.organisations.list();
      return found({
        organisations: all.map(({ organisationId, name, createdAt }) => ({
          id: organisationId,
          name,
          createdAt: new Date(createdAt).toISOString(),
        })),
      });
    },
  },
  {
    method: 'GET',
    path: 'organisations/{id}',
    async answer(ports, request) {
      return found(await readOrganisation(ports, parameter(request, 'id')));
    },
  },
];

/** The account as people read it; refuses where there is none. */
export async function readOrganisation(ports: AdminPorts, id: string) {
  const [decided, account] = await Promise.all([
    ports.organisations.get(id),
    ports.organisations.account(id),
  ]);
  if (account === undefined) {
    return refuse('not_found', 'There is no organisation of this id.', { param: 'id' });
  }
  const { budgetUsd, budgetRemainingUsd, holds } = account;
  return {
    id,
    name: decided?.name,
    billing: account.billing,
    status: account.status,
    balanceUsd: usdText(account.balanceUsd),
    heldUsd: usdText(sumUsd(holds.map((hold) => hold.usd))),
    spentUsd: usdText(account.spentUsd),
    toppedUpUsd: usdText(account.toppedUpUsd),
    ...(budgetUsd === undefined ? {} : { budgetUsd: usdText(budgetUsd) }),
    ...(budgetRemainingUsd === undefined
      ? {}
      : { budgetRemainingUsd: usdText(budgetRemainingUsd) }),
    holds: holds.map(({ callId, usd, at, unpriced }) => ({
      ...{ callId, usd: usdText(usd), at: new Date(at).toISOString(), unpriced },
    })),
  };
}
