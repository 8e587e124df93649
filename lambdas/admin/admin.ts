/** The control plane's story: who asks, which resource, what it says. One resource a file. */
import { ProblemError, problem, refuse } from '../core/problem.ts';
import { credits } from './credits.ts';
import { health } from './health.ts';
import { keys } from './keys.ts';
import { organisations } from './organisations.ts';
import { policy } from './policy.ts';
import type { AdminPorts } from './ports.ts';
import { requests } from './requests.ts';
import type { AdminAnswer, Resource } from './resource.ts';

/** A call to the control plane, its body parsed at the door. */
export type AdminCall = {
  method: string;
  path: string;
  query: string;
  /** The secret the caller showed. */
  secret: string | undefined;
  body: unknown;
};

const prefix = '/admin/v1/';
const resources: readonly Resource[] = [
  ...[organisations, credits, keys, requests, policy, health].flat(),
];

export function createAdmin(ports: AdminPorts): (call: AdminCall) => Promise<AdminAnswer> {
  return async (call) => {
    try {
      if (call.secret === undefined || !ports.admits(call.secret)) {
        refuse('invalid_key', 'Send an admin key as `Authorization: Bearer fla_…`.');
      }
      const { resource, parameters } = find(call);
      const query = new URLSearchParams(call.query);
      return await resource.answer(ports, { parameters, query, body: call.body });
    } catch (error) {
      return refusal(ports, error);
    }
  };
}

function find(call: AdminCall): { resource: Resource; parameters: Record<string, string> } {
  let otherMethod: string | undefined;
  for (const resource of resources) {
    const parameters = match(resource.path, call.path);
    if (parameters === undefined) continue;
    if (resource.method === call.method) return { resource, parameters };
    otherMethod = resource.method;
  }
  if (otherMethod !== undefined) {
    refuse('method_not_allowed', `${call.method} is not allowed here; use ${otherMethod}.`);
  }
  return refuse('not_found', `There is no resource at ${call.path}.`);
}

/** Matches `organisations/{id}` and gives what stands for `id`. */
function match(pattern: string, path: string): Record<string, string> | undefined {
  if (!path.startsWith(prefix)) return undefined;
  const given = path.slice(prefix.length).split('/');
  const wanted = pattern.split('/');
  if (given.length !== wanted.length) return undefined;
  const parameters: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const text = given[index] ?? '';
    if (part.startsWith('{')) parameters[part.slice(1, -1)] = text;
    else if (part !== text) return undefined;
  }
  return parameters;
}

function refusal(ports: AdminPorts, error: unknown): AdminAnswer {
  const known = error instanceof ProblemError ? error.problem : unknownFault(ports, error);
  const { code, message, param } = known;
  return {
    status: known.status,
    body: { error: { code, message, ...(param === undefined ? {} : { param }) } },
  };
}

function unknownFault(ports: AdminPorts, error: unknown) {
  const name = error instanceof Error ? error.name : 'not an error';
  ports.log.error('admin-fault', { error: name });
  return name === 'StoreError'
    ? problem('store_unavailable', 'The store cannot be reached.')
    : problem('internal', 'The control plane failed.');
}
