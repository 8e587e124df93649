/** What the gateway needs from the world. `doors/compose.ts` alone wires real edges to these. */
import type { Accounts, KeyClaim } from './accounts.ts';
import type { Cancellation } from './cancellation.ts';
import type { ByteSource } from './http.ts';
import type { Policy, Timeouts } from './policy.ts';

export type Ports = {
  clock: Clock;
  ids: Ids;
  keyring: Keyring;
  accounts: Accounts;
  policy: PolicySource;
  credentials: Credentials;
  upstream: Upstream;
  log: Log;
};

export type Clock = {
  /** Epoch milliseconds. */
  now(): number;
  /** Milliseconds that never run backwards, with fractions. */
  monotonicMs(): number;
  /** Resolves after so many milliseconds, or at once when cancelled. */
  sleep(ms: number, until?: Cancellation): Promise<void>;
};

export type Ids = {
  /** A new call id: sortable by time, never guessable. */
  callId(now: number): string;
  /** A number in [0, 1) for jitter and tie-breaks. */
  random(): number;
};

export type Keyring = {
  /** Checks shape, checksum and MAC in-process; `undefined` for anything not of our making. */
  verify(secret: string): KeyClaim | undefined;
};

export type PolicySource = {
  /** The policy in force, without waiting. */
  current(): Policy;
  /** Resolves once there is a policy to speak of; at once when there already is. */
  ready(): Promise<void>;
};

export type Credentials = {
  /** The secret behind a credential's name; rejects when there is none. Cached in the process. */
  secret(name: string): Promise<string>;
};

export type UpstreamRequest = {
  url: string;
  headers: Record<string, string>;
  body: Uint8Array;
  timeouts: Timeouts;
  /** Cancelling ends the request and its body. */
  cancellation: Cancellation;
};

export type UpstreamReply = {
  status: number;
  /** Lower-case names. */
  headers: Record<string, string>;
  body: ByteSource;
};

/**
 * Sends one POST. Rejects with an `UpstreamFault` when no answer comes; the body's `next` rejects
 * with one when it stops before its end. Never follows a redirect, never retries.
 */
export type Upstream = {
  send(request: UpstreamRequest): Promise<UpstreamReply>;
};

export type FaultCode =
  | 'connect'
  | 'timeout'
  | 'cut'
  | 'stall'
  | 'too_large'
  | 'refused_address'
  | 'cancelled';

/** A transport fault between us and an upstream. */
export class UpstreamFault extends Error {
  readonly code: FaultCode;
  constructor(code: FaultCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UpstreamFault';
    this.code = code;
  }
}

/** One structured line an event. Values must carry no secret and no prompt. */
export type Log = {
  info(event: string, fields: Record<string, unknown>): void;
  error(event: string, fields: Record<string, unknown>): void;
};
