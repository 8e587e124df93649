/** Keys: their limits, what remains of them, and what they have spent; never what opens them. */
import type { KeyLimits } from '../core/accounts.ts';
import { sumUsd, usdText } from '../core/money.ts';
import { refuse } from '../core/problem.ts';
import { found, parameter, type Resource } from './resource.ts';

export const keys: Resource[] = [
  {
    method: 'GET',
    path: 'keys',
    async answer(ports, request) {
      const organisation = request.query.get('organisation');
      if (organisation === null) {
        return refuse('invalid_request', 'Whose keys? Give an organisation.', {
          param: 'organisation',
        });
      }
      const all = await ports.keys.list(organisation);
      return found({
        keys: all.map(({ keyId, status, limits, settings, createdAt }) => ({
          ...{ id: keyId, status, limits: limitsOf(limits), settings },
          createdAt: new Date(createdAt).toISOString(),
        })),
      });
    },
  },
  {
    method: 'GET',
    path: 'keys/{id}',
    async answer(ports, request) {
      const id = parameter(request, 'id');
      const account = await ports.keys.account(id);
      if (account === undefined) {
        return refuse('not_found', 'There is no key of this id.', { param: 'id' });
      }
      const { organisationId, status, limits, settings, remaining, holds } = account;
      return found({
        id,
        organisation: organisationId,
        status,
        limits: limitsOf(limits),
        settings,
        remaining: limitsOf(remaining),
        spentUsd: usdText(account.spentUsd),
        heldUsd: usdText(sumUsd(holds.map((hold) => hold.usd))),
        callsInFlight: holds.filter((hold) => !hold.unpriced).length,
      });
    },
  },
];

function limitsOf({ dailyUsd, ...rates }: Pick<KeyLimits, 'dailyUsd'>) {
  return dailyUsd === undefined ? rates : { ...rates, dailyUsd: usdText(dailyUsd) };
}
