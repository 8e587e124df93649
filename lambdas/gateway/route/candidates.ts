/** From a model's name to the routes that could serve it: plain models, and groups of them. */
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

/** Names within a third of the letters, or that hold the asked one, nearest first. */
export function nearNames(name: string, known: readonly string[]): string[] {
  const wanted = name.slice(0, nameLengthMax).toLowerCase();
  return known
    .map((candidate) => ({ candidate, distance: distanceOf(wanted, candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, candidate.length / 3))
    .sort((a, b) => a.distance - b.distance)
    .slice(0, nearNamesMax)
    .map(({ candidate }) => candidate);
}

/** Letters to change, add or leave out; nothing where one name holds the other. */
function distanceOf(a: string, b: string): number {
  if (a.length > 2 && (b.includes(a) || a.includes(b))) return 0;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const change = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    previous = row;
  }
  return previous[b.length] ?? 0;
}
