/** Errors as one table: code → status, whose fault, and whether trying again can help. */

export type Blame = 'caller' | 'limit' | 'upstream' | 'gateway';

type ProblemKind = { status: number; blame: Blame; retryable: boolean };

/** Every error a caller can read. The format decides how it looks; this table what it is. */
export const problemKinds = {
  invalid_request: { status: 400, blame: 'caller', retryable: false },
  model_not_priced: { status: 400, blame: 'caller', retryable: false },
  unsupported: { status: 400, blame: 'caller', retryable: false },
  invalid_key: { status: 401, blame: 'caller', retryable: false },
  insufficient_balance: { status: 402, blame: 'limit', retryable: false },
  permission_denied: { status: 403, blame: 'caller', retryable: false },
  not_found: { status: 404, blame: 'caller', retryable: false },
  model_not_found: { status: 404, blame: 'caller', retryable: false },
  method_not_allowed: { status: 405, blame: 'caller', retryable: false },
  request_too_large: { status: 413, blame: 'caller', retryable: false },
  rate_limit_exceeded: { status: 429, blame: 'limit', retryable: true },
  token_limit_exceeded: { status: 429, blame: 'limit', retryable: true },
  concurrency_exceeded: { status: 429, blame: 'limit', retryable: true },
  budget_exceeded: { status: 429, blame: 'limit', retryable: false },
  upstream_rejected: { status: 400, blame: 'caller', retryable: false },
  upstream_failed: { status: 502, blame: 'upstream', retryable: true },
  upstream_credential_rejected: { status: 502, blame: 'upstream', retryable: false },
  upstream_overloaded: { status: 503, blame: 'upstream', retryable: true },
  no_route: { status: 503, blame: 'gateway', retryable: true },
  store_unavailable: { status: 503, blame: 'gateway', retryable: true },
  deadline_exceeded: { status: 504, blame: 'upstream', retryable: true },
  caller_left: { status: 499, blame: 'caller', retryable: false },
  internal: { status: 500, blame: 'gateway', retryable: true },
} as const satisfies Record<string, ProblemKind>;

export type ProblemCode = keyof typeof problemKinds;

/** The limit that refused a call: its name, its size, what remains, when it starts afresh. */
export type LimitReport = {
  name: 'requests' | 'tokens' | 'concurrency' | 'daily_spend' | 'budget' | 'balance';
  /** Whole numbers for rates, decimal strings for money. */
  limit?: string;
  remaining?: string;
  /** Milliseconds from now; absent where time does not help. */
  resetMs?: number;
};

/** What a caller may read of an error. Never carries a secret or a prompt. */
export type Problem = {
  code: ProblemCode;
  status: number;
  message: string;
  /** Where in the request, such as `messages.0.role`. */
  param?: string;
  retryable: boolean;
  retryAfterMs?: number;
  limit?: LimitReport;
};

type Extra = Partial<Pick<Problem, 'status' | 'param' | 'retryAfterMs' | 'limit' | 'retryable'>>;

export function problem(code: ProblemCode, message: string, extra: Extra = {}): Problem {
  const kind = problemKinds[code];
  return { code, status: kind.status, message, retryable: kind.retryable, ...extra };
}

/** Carries a problem up to the one place that answers with it. */
export class ProblemError extends Error {
  readonly problem: Problem;
  constructor(carried: Problem) {
    super(carried.message);
    this.name = 'ProblemError';
    this.problem = carried;
  }
}

/** Throws; typed `never` so that callers read as expressions. */
export function refuse(code: ProblemCode, message: string, extra?: Extra): never {
  throw new ProblemError(problem(code, message, extra));
}

/**
 * What went wrong with one attempt upstream, and whom it concerns (3-routing, error classes):
 * `capacity` cools the route, `health` counts against it, `credential` is the operator's,
 * `caller` would fail anywhere.
 */
export type UpstreamProblem = {
  class: 'capacity' | 'health' | 'credential' | 'caller';
  /** The upstream's HTTP status; absent where no answer came. */
  status?: number;
  /** The upstream's own code or type, or our name for a transport fault (`connect`, `stall`…). */
  code: string;
  /** Scrubbed of secrets; what a caller may read when the class is `caller`. */
  message: string;
  param?: string;
  retryAfterMs?: number;
};
