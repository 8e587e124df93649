/** Policy: the document in force, as it was written. */
import { found, type Resource } from './resource.ts';

export const policy: Resource[] = [
  {
    method: 'GET',
    path: 'policy',
    async answer(ports) {
      return found({ version: ports.policy.version(), document: ports.policy.document() });
    },
  },
];
