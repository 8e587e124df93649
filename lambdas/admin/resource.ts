/** What a resource of the control plane is, and how it reads what it is asked. */
import { type Usd, usd } from '../core/money.ts';
import { refuse } from '../core/problem.ts';
import type { AdminPorts } from './ports.ts';

export type AdminRequest = {
  /** What stood for `{name}` in the path. */
  parameters: Record<string, string>;
  query: URLSearchParams;
  body: unknown;
};

/** Money in the body is a decimal string. */
export type AdminAnswer = { status: number; body: unknown };

export type Resource = {
  method: 'GET' | 'POST';
  /** Below `/admin/v1/`, such as `organisations/{id}`. */
  path: string;
  answer(ports: AdminPorts, request: AdminRequest): Promise<AdminAnswer>;
};

export function found(body: unknown): AdminAnswer {
  return { status: 200, body };
}

export function parameter(request: AdminRequest, name: string): string {
  return request.parameters[name] ?? refuse('not_found', `No ${name} was given.`);
}

/** The fields of a body; refuses what is no object and fields that nobody asked for. */
export function fieldsOf(body: unknown, known: readonly string[]): Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    return refuse('invalid_request', 'The body must be a JSON object.');
  }
  for (const name of Object.keys(body)) {
    if (!known.includes(name)) refuse('invalid_request', 'No such field.', { param: name });
  }
  return body as Record<string, unknown>;
}

const textCharsMax = 200;

export function textField(fields: Record<string, unknown>, name: string): string {
  const value = fields[name];
  if (typeof value === 'string' && value !== '' && value.length <= textCharsMax) return value;
  return refuse('invalid_request', 'Must be a text that is not empty.', { param: name });
}

export function moneyField(fields: Record<string, unknown>, name: string): Usd {
  const value = fields[name];
  const message = 'Must be dollars as a decimal string, such as "25.00".';
  if (typeof value !== 'string') return refuse('invalid_request', message, { param: name });
  try {
    return usd(value);
  } catch {
    return refuse('invalid_request', message, { param: name });
  }
}
