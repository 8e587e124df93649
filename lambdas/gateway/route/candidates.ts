/** From a model's name to the routes that could serve it: plain models, and groups of them. */

import { nearName } from '../../core/near-name.ts';
import type { Group, Model, Policy } from '../../core/policy.ts';
import { refuse } from '../../core/problem.ts';
import type { Candidate } from '../values.ts';

/** Throws a `ProblemError` (404, with near names) for a model that the policy does not know. */
export function findCandidates(policy: Policy, name: string, random: () => number): Candidate[] {
  const model = policy.models.get(name);
  if (model !== undefined) return routesOf(policy, model, 0);
  const group = policy.groups.get(name);
  if (group !== undefined) return membersOf(policy, group, random);
  const near = nearNames(name, [...policy.models.keys(), ...policy.groups.keys()]);
  const hint =
    near.length === 0 ? '' : ` Did you mean ${near.map((n) => `\`${n}\``).join(' or ')}?`;
  return refuse('model_not_found', `There is no model \`${shortened(name)}\`.${hint}`, {
    param: 'model',
  });
}

function routesOf(policy: Policy, model: Model, tier: number): Candidate[] {
  const candidates: Candidate[] = [];
  for (const route of model.routes) {
    const provider = policy.providers.get(route.provider);
    if (provider !== undefined) candidates.push({ model, route, provider, tier });
  }
  return candidates;
}

/**
 * Members by priority stand in tiers; by weight, a draw without replacement makes the tiers; by
 * cost they share one tier, in which the score decides.
 */
function membersOf(policy: Policy, group: Group, random: () => number): Candidate[] {
  const tiers = new Map<string, number>();
  if (group.by === 'priority') {
    for (const member of group.members) tiers.set(member.model, member.priority ?? 0);
  } else if (group.by === 'weight') {
    // The order of u^(1/w), largest first, is a weighted draw without replacement.
    const drawn = group.members
      .map((member) => ({ model: member.model, draw: random() ** (1 / (member.weight ?? 1)) }))
      .sort((a, b) => b.draw - a.draw);
    drawn.forEach((member, tier) => {
      tiers.set(member.model, tier);
    });
  }
  return group.members.flatMap((member) => {
    const model = policy.models.get(member.model);
    return model === undefined ? [] : routesOf(policy, model, tiers.get(member.model) ?? 0);
  });
}

const nearNamesMax = 3;
const nameLengthMax = 100;

function shortened(name: string): string {
  return name.length > nameLengthMax ? `${name.slice(0, nameLengthMax)}…` : name;
}

/** Names that hold the asked one, as a vendor's name without its date does; else the nearest. */
export function nearNames(name: string, known: readonly string[]): string[] {
  const wanted = name.slice(0, nameLengthMax).toLowerCase();
  const holding = known.filter((one) => wanted.length > 2 && one.toLowerCase().includes(wanted));
  if (holding.length > 0) return holding.slice(0, nearNamesMax);
  const near = nearName(wanted, known);
  return near === undefined ? [] : [near];
}
