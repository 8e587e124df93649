/** Replies that are no model's: errors in the caller's own format, and the word of health. */
import type { Caller } from '../../core/accounts.ts';
import type { HttpReply } from '../../core/http.ts';
import type { ProblemError } from '../../core/problem.ts';
import type { Timeline } from '../../core/timeline.ts';
import type { AttemptRecord } from '../../core/usage-record.ts';
import type { ChatFormat } from '../../formats/format.ts';
import { jsonBytes } from '../../formats/json.ts';
import type { Inbound } from '../values.ts';
import { problemHeaders, replyHeaders } from './headers.ts';

export type ProblemReply = {
  callId: string;
  error: ProblemError;
  timeline: Timeline;
  /** Absent where a call was refused before it had one: then `format` says how to answer. */
  inbound?: Inbound;
  format?: ChatFormat;
  headers?: Record<string, string>;
  caller?: Caller;
  facts?: { attempts?: readonly AttemptRecord[]; dropped?: readonly string[] };
  finished?: Promise<void>;
};

const jsonType = { 'content-type': 'application/json' };

export function problemReply(input: ProblemReply): HttpReply {
  const { callId, error, inbound, timeline, caller, facts } = input;
  const format = inbound?.format ?? input.format;
  if (format === undefined) throw error;
  const headers = {
    ...jsonType,
    'x-request-id': callId,
    ...input.headers,
    ...problemHeaders(error.problem),
    ...(inbound === undefined ? {} : replyHeaders({ inbound, timeline, caller, ...facts })),
  };
  return {
    status: error.problem.status,
    headers,
    body: jsonBytes(format.writeError(error.problem, callId)),
    finished: input.finished ?? Promise.resolve(),
  };
}

export function healthReply(): HttpReply {
  return {
    status: 200,
    headers: { ...jsonType, 'cache-control': 'no-store' },
    body: jsonBytes({ status: 'ok', name: 'fairlead' }),
    finished: Promise.resolve(),
  };
}
