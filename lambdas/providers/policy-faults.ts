/** What is wrong with a policy document: every fault, each with its place in the file. */
import type * as z from 'zod/mini';
import { nearName } from '../core/near-name.ts';

export type PolicyFault = {
  /** Place in the file, such as `models.gpt-4o.routes.1.provider`; empty for the whole of it. */
  path: string;
  message: string;
};

/** Carries all faults of a document at once, so that one round of repairs is enough. */
export class PolicyError extends Error {
  readonly faults: readonly PolicyFault[];
  constructor(faults: readonly PolicyFault[]) {
    super(faults.map(faultText).join('\n'));
    this.name = 'PolicyError';
    this.faults = faults;
  }
}

export function faultText(fault: PolicyFault): string {
  return fault.path === '' ? `the document ${fault.message}` : `${fault.path}: ${fault.message}`;
}

/** Joins a place with dots; a name that has dots of its own is quoted. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((part) => (String(part).includes('.') ? JSON.stringify(part) : String(part)))
    .join('.');
}

/** ` did you mean "openai"?`, or nothing where no name is near. */
export function suggestion(name: string, candidates: Iterable<string>): string {
  const near = nearName(name, candidates);
  return near === undefined ? '' : `; did you mean "${near}"?`;
}

/** Reads zod's issues; `fieldNames` are those to suggest for a field that is none. */
export function faultsFromIssues(
  issues: readonly z.core.$ZodIssue[],
  fieldNames: readonly string[],
): PolicyFault[] {
  return issues.flatMap((issue) => issueFaults(issue, fieldNames));
}

function issueFaults(issue: z.core.$ZodIssue, fieldNames: readonly string[]): PolicyFault[] {
  const path = pathText(issue.path);
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({
        path: pathText([...issue.path, key]),
        message: `no such field${suggestion(key, fieldNames)}`,
      }));
    case 'invalid_type':
      return [{ path, message: wrongType(issue.expected, issue.input) }];
    case 'invalid_value':
      return [{ path, message: `must be one of ${issue.values.map(String).join(', ')}` }];
    case 'too_small':
      return [{ path, message: `must be ${atLeast(issue)}` }];
    case 'too_big':
      return [{ path, message: `must be at most ${issue.maximum}` }];
    case 'invalid_key':
    case 'invalid_format':
      return [{ path, message: 'not a name of the right form (small letters, digits, hyphens)' }];
    case 'invalid_union':
      return [{ path, message: 'must be a name, or false' }];
    default:
      return [{ path, message: issue.message }];
  }
}

function atLeast(issue: z.core.$ZodIssueTooSmall): string {
  if (issue.origin === 'array') return 'a list with at least one entry';
  if (issue.origin === 'string') return 'a name that is not empty';
  return issue.inclusive === false ? `greater than ${issue.minimum}` : `at least ${issue.minimum}`;
}

const typeWords: Record<string, string> = {
  object: 'a mapping',
  record: 'a mapping',
  array: 'a list',
  string: 'a text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
};

function wrongType(expected: string, input: unknown): string {
  const wanted = typeWords[expected] ?? `a ${expected}`;
  if (input === undefined) return `is missing; it must be ${wanted}`;
  if (expected === 'string' && typeof input === 'number') return `must be in quotes: "${input}"`;
  return `must be ${wanted}`;
}
