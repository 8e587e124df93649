/** The first steps of a call: receive it, know who says to be calling, read what is asked. */
import type { KeyClaim } from '../../core/accounts.ts';
import type { ChatAsk } from '../../core/ask.ts';
import type { HttpCall } from '../../core/http.ts';
import type { Keyring } from '../../core/ports.ts';
import { ProblemError, problem, refuse } from '../../core/problem.ts';
import { limits } from '../../core/settings.ts';
import type { ChatFormat } from '../../formats/format.ts';
import { parseCallerJson } from '../../formats/json.ts';
import { formatNamed } from '../../formats/registry.ts';
import type { Inbound } from '../values.ts';
import { guessFormat, matchEndpoint } from './endpoints.ts';

export type Received =
  | { kind: 'chat'; inbound: Inbound }
  | { kind: 'health' }
  | { kind: 'refused'; format: ChatFormat; error: ProblemError; headers: Record<string, string> };

/** Gives the call its id and its format, or refuses what no endpoint or limit allows. */
export function receive(http: HttpCall, callId: string, receivedAt: number): Received {
  const match = matchEndpoint(http.method, http.path);
  if (!match.found) return refuseUnmatched(http, match);
  if (match.endpoint.kind === 'health') return { kind: 'health' };
  const format = formatNamed(match.endpoint.format);
  if (http.body.byteLength > limits.requestBytesMax) {
    const megabytes = limits.requestBytesMax / 1024 / 1024;
    const tooLarge = problem('request_too_large', `The request body is over ${megabytes} MB.`);
    return { kind: 'refused', format, error: new ProblemError(tooLarge), headers: {} };
  }
  const inbound: Inbound = {
    callId,
    receivedAt,
    format,
    secret: secretOf(http.headers),
    headers: http.headers,
    body: http.body,
  };
  return { kind: 'chat', inbound };
}

/** Checks the key's own word in-process: a forged key costs no round trip. */
export function identify(inbound: Inbound, keyring: Keyring): KeyClaim {
  if (inbound.secret === undefined) {
    const how = 'Send it as `Authorization: Bearer <key>` or `x-api-key: <key>`.';
    refuse('invalid_key', `No API key was given. ${how}`);
  }
  return keyring.verify(inbound.secret) ?? refuse('invalid_key', 'The API key is not valid.');
}

export function readAsk(inbound: Inbound): ChatAsk {
  return inbound.format.readAsk(parseCallerJson(inbound.body));
}

/** Of a path that leads nowhere, when it is told back. */
const pathCharsMax = 200;

type Unmatched = Extract<ReturnType<typeof matchEndpoint>, { found: false }>;

function refuseUnmatched(http: HttpCall, match: Unmatched): Received {
  const format = formatNamed(guessFormat(http.path, http.headers));
  const path = http.path.length > pathCharsMax ? `${http.path.slice(0, pathCharsMax)}…` : http.path;
  const [because, headers]: [ReturnType<typeof problem>, Record<string, string>] =
    match.because === 'method'
      ? [
          problem('method_not_allowed', `${http.method} is not allowed here; use ${match.allow}.`),
          { allow: match.allow ?? '' },
        ]
      : [problem('not_found', `There is no endpoint ${http.method} ${path}.`), {}];
  return { kind: 'refused', format, error: new ProblemError(because), headers };
}

function secretOf(headers: Record<string, string>): string | undefined {
  const bearer = headers.authorization;
  if (bearer !== undefined) {
    const match = /^bearer +(\S+)\s*$/i.exec(bearer);
    if (match?.[1] !== undefined) return match[1];
  }
  return headers['x-api-key'] ?? headers['x-goog-api-key'];
}

/** How long the caller is ready to wait for the first piece; `undefined` where it does not say. */
export function callerTimeoutMs(headers: Record<string, string>): number | undefined {
  const text = headers['x-fairlead-timeout-ms'];
  if (text === undefined) return undefined;
  const milliseconds = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (milliseconds > 0) return milliseconds;
  const message = 'x-fairlead-timeout-ms must be a whole number of milliseconds above 0.';
  return refuse('invalid_request', message, { param: 'x-fairlead-timeout-ms' });
}
