/** Health: whether the control plane and the store behind it answer. */
import { found, type Resource } from './resource.ts';

export const health: Resource[] = [
  {
    method: 'GET',
    path: 'health',
    async answer(ports) {
      // A store that does not answer makes this a 503, which is the honest word.
      await ports.organisations.list();
      return found({ status: 'ok', store: 'ok', policyVersion: ports.policy.version() });
    },
  },
];
