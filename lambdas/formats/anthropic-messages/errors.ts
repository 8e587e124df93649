/** Errors in this format's shape, both ways. */
import type { Problem, ProblemCode, UpstreamProblem } from '../../core/problem.ts';
import { problem } from '../../core/problem.ts';
import type { StreamEvent } from '../format.ts';
import { asFilled, asRecord } from '../lenient.ts';
import { retryAfterMs } from '../retry-after.ts';
import { scrub } from '../scrub.ts';

type ErrorClass = UpstreamProblem['class'];

/** The vendor's own type decides before the status does. */
const classByType: Record<string, ErrorClass> = {
  authentication_error: 'credential',
  billing_error: 'credential',
  permission_error: 'credential',
  rate_limit_error: 'capacity',
  overloaded_error: 'health',
  timeout_error: 'health',
  api_error: 'health',
};

export function readError(
  status: number,
  headers: Record<string, string>,
  body: unknown,
): UpstreamProblem {
  const error = asRecord(asRecord(body)?.error);
  const type = asFilled(error?.type);
  const message = asFilled(error?.message) ?? `The provider answered with HTTP status ${status}.`;
  const wait = retryAfterMs(headers);
  return {
    class: classOf(status, type, message),
    status,
    code: type ?? `http_${status}`,
    message: scrub(message),
    ...(wait === undefined ? {} : { retryAfterMs: wait }),
  };
}

/** What an `error` event in a running stream means; only the caller's own doing is quoted. */
export function readStreamError(value: unknown): Problem {
  const error = asRecord(asRecord(value)?.error);
  const type = asFilled(error?.type) ?? 'error';
  if (type === 'invalid_request_error' || type === 'request_too_large') {
    return problem('upstream_rejected', scrub(asFilled(error?.message) ?? 'It was refused.'));
  }
  if (type === 'overloaded_error' || type === 'rate_limit_error') {
    return problem('upstream_overloaded', 'The provider is over its capacity.');
  }
  return classByType[type] === 'credential'
    ? problem('upstream_credential_rejected', 'The provider rejected our credential.')
    : problem('upstream_failed', 'The provider failed while it was answering.');
}

function classOf(status: number, type: string | undefined, message: string): ErrorClass {
  if (status === 401 || status === 402 || status === 403) return 'credential';
  // An empty account is told as a bad request; it is the operator's, not the caller's.
  if (/credit balance is too low/i.test(message)) return 'credential';
  if (status === 429) return 'capacity';
  if (status === 408) return 'health';
  if (status >= 400 && status < 500) {
    const byType = type === undefined ? undefined : classByType[type];
    return byType ?? 'caller';
  }
  return 'health';
}

const typeByCode: Record<ProblemCode, string> = {
  invalid_request: 'invalid_request_error',
  model_not_priced: 'invalid_request_error',
  unsupported: 'invalid_request_error',
  invalid_key: 'authentication_error',
  insufficient_balance: 'billing_error',
  permission_denied: 'permission_error',
  not_found: 'not_found_error',
  model_not_found: 'not_found_error',
  method_not_allowed: 'invalid_request_error',
  request_too_large: 'request_too_large',
  rate_limit_exceeded: 'rate_limit_error',
  token_limit_exceeded: 'rate_limit_error',
  concurrency_exceeded: 'rate_limit_error',
  budget_exceeded: 'rate_limit_error',
  upstream_rejected: 'invalid_request_error',
  upstream_failed: 'api_error',
  upstream_credential_rejected: 'api_error',
  upstream_overloaded: 'overloaded_error',
  no_route: 'overloaded_error',
  store_unavailable: 'api_error',
  deadline_exceeded: 'timeout_error',
  caller_left: 'invalid_request_error',
  internal: 'api_error',
};

/** `details.error_code` is where this format's clients look for more than the type. */
export function writeError(reported: Problem, callId: string): unknown {
  const { code, message, param, limit } = reported;
  const details = {
    error_code: code,
    ...(param === undefined ? {} : { param }),
    ...(limit === undefined ? {} : { limit }),
  };
  const type = typeByCode[code] ?? 'api_error';
  return { type: 'error', error: { type, message, details }, request_id: callId };
}

export function writeStreamError(reported: Problem, callId: string): StreamEvent[] {
  return [{ event: 'error', data: JSON.stringify(writeError(reported, callId)) }];
}
