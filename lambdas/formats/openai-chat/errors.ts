/** Errors in OpenAI's shape, both ways, and the shapes of those who come close. */
import { type Problem, problem, problemKinds, type UpstreamProblem } from '../../core/problem.ts';
import type { StreamEvent } from '../format.ts';
import { asFilled, asNumber, asRecord, type JsonRecord } from '../lenient.ts';
import { retryAfterMs } from '../retry-after.ts';
import { scrub } from '../scrub.ts';

export function readError(
  status: number,
  headers: Record<string, string>,
  body: unknown,
): UpstreamProblem {
  const said = readSaid(body);
  const read: UpstreamProblem = {
    class: classify(status, said.codes),
    status,
    code: said.codes[0] ?? `http_${status}`,
    message: said.message ?? `The provider answered with HTTP status ${status}.`,
  };
  if (said.param !== undefined) read.param = said.param;
  const wait = retryAfterMs(headers);
  if (wait !== undefined) read.retryAfterMs = wait;
  return read;
}

type Said = { codes: string[]; message?: string; param?: string };

/** `{error: {…}}`, `{error: "…", code}` (xAI), Mistral's bare object, `{detail}`, or a text. */
function readSaid(body: unknown): Said {
  const whole = asRecord(body);
  if (whole === undefined) return { codes: [], ...messageOf(body) };
  const error = asRecord(whole.error) ?? whole;
  const said: Said = { codes: [] };
  for (const value of [error.code, error.type, whole.code]) {
    const code = asFilled(value);
    // Some repeat the status as the code, which says nothing more.
    if (code !== undefined && !/^\d+$/.test(code) && code !== 'error') said.codes.push(code);
  }
  const param = asFilled(error.param);
  if (param !== undefined) said.param = param;
  const message = error.message ?? whole.error ?? error.detail;
  return { ...said, ...messageOf(message) };
}

function messageOf(value: unknown): { message?: string } {
  const text = asFilled(value)?.trim();
  // A page of a proxy between is nothing to show to a caller.
  if (text === undefined || text === '' || text.startsWith('<')) return {};
  return { message: scrub(text) };
}

const credentialCodes =
  /insufficient_quota|insufficient_balance|budget_exceeded|billing|exceeded_current_quota/i;
const callerCodes = /content_policy|content_filter|moderation|responsibleai|context_length/i;

function classify(status: number, codes: readonly string[]): UpstreamProblem['class'] {
  if (codes.some((code) => credentialCodes.test(code))) return 'credential';
  if (status < 500 && codes.some((code) => callerCodes.test(code))) return 'caller';
  if (status === 401 || status === 402 || status === 403) return 'credential';
  if (status === 429) return 'capacity';
  if (status === 408 || status === 409 || status >= 500 || status < 400) return 'health';
  return 'caller';
}

const statusOfCode: [RegExp, number][] = [
  [/rate_?limit|too_many|throttl/i, 429],
  [/overloaded|unavailable/i, 503],
  [/auth|api_key|permission/i, 401],
  [/invalid|not_found|unsupported|tool_use_failed|too_long|too_many_prompt|context_length/i, 400],
];

/** An error that came under HTTP 200: its status is what it says of itself. */
export function readInnerError(value: unknown): Problem {
  const error = asRecord(value) ?? {};
  const codes = readSaid({ error }).codes;
  const named = statusOfCode.find(([pattern]) => codes.some((code) => pattern.test(code)))?.[1];
  const stated = [error.status_code, error.status, error.code].map(Number).find(isErrorStatus);
  const upstream = readError(stated ?? named ?? 500, {}, { error: value });
  return problemOf(upstream);
}

function isErrorStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 400 && status < 600;
}

/** Only what is the caller's own doing is told in the upstream's words. */
function problemOf(upstream: UpstreamProblem): Problem {
  switch (upstream.class) {
    case 'caller':
      return problem('upstream_rejected', upstream.message);
    case 'capacity':
      return problem('upstream_overloaded', 'The provider is over its capacity.');
    case 'credential':
      return problem(
        'upstream_credential_rejected',
        'The provider rejected the credential of this gateway.',
      );
    default:
      return problem('upstream_failed', 'The provider failed while it was answering.');
  }
}

const ownCodes: Partial<Record<Problem['code'], string>> = { invalid_key: 'invalid_api_key' };
const ownTypes: Partial<Record<Problem['code'], string>> = {
  rate_limit_exceeded: 'requests',
  concurrency_exceeded: 'requests',
  token_limit_exceeded: 'tokens',
  insufficient_balance: 'insufficient_quota',
  budget_exceeded: 'insufficient_quota',
  permission_denied: 'permission_error',
};

export function writeError(given: Problem): JsonRecord {
  const { code, message, param } = given;
  const isOurs = ['gateway', 'upstream'].includes(problemKinds[code].blame);
  const type = ownTypes[code] ?? (isOurs ? 'server_error' : 'invalid_request_error');
  return { error: { message, type, param: param ?? null, code: ownCodes[code] ?? code } };
}

/** A stream that has begun keeps its HTTP 200: the official clients raise on this event. */
export function writeStreamError(given: Problem): StreamEvent[] {
  const written = asRecord(writeError(given).error) ?? {};
  return [{ data: JSON.stringify({ error: { ...written, status: asNumber(given.status) } }) }];
}
