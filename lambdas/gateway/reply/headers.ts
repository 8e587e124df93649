/** Response headers: what a call was, how long its parts took, and what is left of its limits. */
import type { Caller } from '../../core/accounts.ts';
import type { Problem } from '../../core/problem.ts';
import type { Timeline } from '../../core/timeline.ts';
import type { AttemptRecord } from '../../core/usage-record.ts';
import type { Inbound, Leg } from '../values.ts';

export type ReplyFacts = {
  inbound: Inbound;
  timeline: Timeline;
  caller?: Caller;
  leg?: Leg;
  attempts?: readonly AttemptRecord[];
  dropped?: readonly string[];
  /** The cap that was sent, where it is not the caller's own. */
  outputCap?: number;
  costUsd?: string;
};

const minuteMs = 60_000;
const droppedNamesMax = 20;
/** All of `x-fairlead-dropped`; clients give up on heads of some 16 kB. */
const droppedCharsMax = 2_000;
const nameCharsMax = 100;
/** Of any other value that is not ours. */
const valueCharsMax = 600;

export function replyHeaders(facts: ReplyFacts): Record<string, string> {
  const { inbound, leg, attempts, dropped, outputCap, costUsd } = facts;
  const headers: Record<string, string> = {
    'x-request-id': inbound.callId,
    'server-timing': facts.timeline.serverTiming(),
  };
  if (inbound.format.name === 'anthropic-messages') headers['request-id'] = inbound.callId;
  if (leg !== undefined) {
    headers['x-fairlead-provider'] = headerSafe(leg.provider.name);
    headers['x-fairlead-route'] = headerSafe(leg.route.id);
    headers['x-fairlead-model'] = headerSafe(leg.model.name);
  }
  if (attempts !== undefined) headers['x-fairlead-attempts'] = `${attempts.length}`;
  if (dropped !== undefined && dropped.length > 0) {
    headers['x-fairlead-dropped'] = droppedText(dropped);
  }
  if (outputCap !== undefined) headers['x-fairlead-output-cap'] = `${outputCap}`;
  if (costUsd !== undefined) headers['x-fairlead-cost-usd'] = costUsd;
  if (facts.caller !== undefined) Object.assign(headers, limitHeaders(facts.caller, inbound));
  return headers;
}

/** OpenAI's form on every answer, Anthropic's on its own. Windows end with the minute. */
function limitHeaders(caller: Caller, inbound: Inbound): Record<string, string> {
  const headers: Record<string, string> = {};
  const { requestsPerMinute, tokensPerMinute } = caller.limits;
  if (requestsPerMinute === undefined && tokensPerMinute === undefined) return headers;
  const resetMs = minuteMs - (inbound.receivedAt % minuteMs);
  const resetAt = new Date(inbound.receivedAt + resetMs).toISOString();
  const anthropic = inbound.format.name === 'anthropic-messages';
  const put = (what: 'requests' | 'tokens', limit?: number, remaining?: number): void => {
    if (limit === undefined || remaining === undefined) return;
    const left = `${Math.max(0, remaining)}`;
    headers[`x-ratelimit-limit-${what}`] = `${limit}`;
    headers[`x-ratelimit-remaining-${what}`] = left;
    headers[`x-ratelimit-reset-${what}`] = durationText(resetMs);
    if (!anthropic) return;
    headers[`anthropic-ratelimit-${what}-limit`] = `${limit}`;
    headers[`anthropic-ratelimit-${what}-remaining`] = left;
    headers[`anthropic-ratelimit-${what}-reset`] = resetAt;
  };
  put('requests', requestsPerMinute, caller.remaining.requests);
  put('tokens', tokensPerMinute, caller.remaining.tokens);
  return headers;
}

/**
 * What an SDK should do about an error. Our own tries are spent by the time a caller reads of an
 * upstream's failure, so it is told not to multiply them.
 */
export function problemHeaders(problem: Problem): Record<string, string> {
  const headers: Record<string, string> = {};
  if (problem.retryAfterMs !== undefined) {
    headers['retry-after'] = `${Math.ceil(problem.retryAfterMs / 1000)}`;
    headers['retry-after-ms'] = `${Math.ceil(problem.retryAfterMs)}`;
  }
  const { name, limit, remaining, resetMs } = problem.limit ?? {};
  if ((name === 'requests' || name === 'tokens') && limit !== undefined) {
    headers[`x-ratelimit-limit-${name}`] = limit;
    headers[`x-ratelimit-remaining-${name}`] = remaining ?? '0';
    if (resetMs !== undefined) headers[`x-ratelimit-reset-${name}`] = durationText(resetMs);
  }
  headers['x-should-retry'] = problem.retryable ? 'true' : 'false';
  return headers;
}

/** OpenAI's way of writing a duration: `12ms`, `3.5s`, `6m0s`. */
export function durationText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)}ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${Number(seconds.toFixed(3))}s`;
  const minutes = Math.floor(seconds / 60);
  return `${minutes}m${Math.round(seconds - minutes * 60)}s`;
}

/** As many whole names as there is room for. */
function droppedText(names: readonly string[]): string {
  let text = '';
  for (const name of names.slice(0, droppedNamesMax)) {
    const next = headerSafe(name.slice(0, nameCharsMax));
    if (text.length + next.length > droppedCharsMax) break;
    text += text === '' ? next : `, ${next}`;
  }
  return text;
}

/**
 * Names come from callers and policies, and a head that holds more than printable ASCII cannot be
 * written at all: what else there is goes out percent-encoded.
 */
function headerSafe(text: string): string {
  if (!/[^\x20-\x7e]/.test(text)) return text.slice(0, valueCharsMax);
  const encoded = text.replace(/[^\x20-\x7e]/gu, (character) =>
    Buffer.from(character).toString('hex').toUpperCase().replace(/../g, '%$&'),
  );
  return encoded.slice(0, valueCharsMax);
}
