/** Strictness towards callers: a value is what its schema says, or they read where not. */
import * as z from 'zod/mini';
import { refuse } from '../core/problem.ts';

type Path = readonly (string | number)[];

/** A path holds keys of the caller's own, which may be as long as a body. */
const paramCharsMax = 200;

/** Gives the value as the schema types it; throws a `ProblemError` that names the path. */
export function check<T extends z.core.$ZodType>(
  schema: T,
  value: unknown,
  path: Path = [],
): z.output<T> {
  const result = z.safeParse(schema, value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  return issue === undefined
    ? refuse('invalid_request', 'The request is not valid.')
    : refuseIssue(issue, path);
}

export function refuseAt(path: Path, wanted: string): never {
  const whole = path.join('.');
  const param = whole.length > paramCharsMax ? `${whole.slice(0, paramCharsMax - 1)}…` : whole;
  refuse('invalid_request', `${param || 'The request'}: ${wanted}.`, param === '' ? {} : { param });
}

function refuseIssue(issue: z.core.$ZodIssue, outer: Path): never {
  const path = [...outer, ...issue.path.map((step) => (typeof step === 'symbol' ? '' : step))];
  if (issue.code !== 'invalid_union') return refuseAt(path, wantedBy(issue));
  // The branch that got furthest into the value is the one that the caller meant.
  const branches = issue.errors.map((errors) => errors[0]).filter((first) => first !== undefined);
  const deepest = branches.find((first) => first.path.length > 0);
  if (deepest !== undefined) return refuseIssue(deepest, path);
  return refuseAt(path, [...new Set(branches.map(wantedBy))].join(', or '));
}

function wantedBy(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return `must be ${named(issue.expected)}`;
    case 'invalid_value':
      return `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}`;
    case 'too_small':
      return issue.origin === 'string' || issue.origin === 'array'
        ? 'must not be empty'
        : `must be at least ${issue.minimum}`;
    case 'too_big':
      return issue.origin === 'string' || issue.origin === 'array'
        ? `must not be longer than ${issue.maximum}`
        : `must be at most ${issue.maximum}`;
    default:
      return 'is not valid';
  }
}

function named(expected: string): string {
  if (expected === 'int') return 'a whole number';
  if (expected === 'record') return 'an object';
  return /^[aeiou]/.test(expected) ? `an ${expected}` : `a ${expected}`;
}
