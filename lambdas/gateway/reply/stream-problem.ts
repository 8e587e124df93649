/** What a caller reads when a reply that has begun cannot be finished. */
import { UpstreamFault } from '../../core/ports.ts';
import { type Problem, problem } from '../../core/problem.ts';
import { UnreadableReply } from '../../formats/format.ts';

/** The call has run for as long as its hold and its process allow. */
export function outlived(): Problem {
  const what = 'The reply took longer than a call may, and was ended.';
  return problem('deadline_exceeded', `${what} What was delivered is billed.`);
}

/** Tokens already delivered are billed; trying again is the caller's to decide. */
export function brokenOff(error: unknown): Problem {
  const stalled = error instanceof UpstreamFault && error.code === 'stall';
  const unreadable = error instanceof UnreadableReply;
  const what = stalled
    ? 'The upstream stopped in the middle of its reply.'
    : unreadable
      ? 'The upstream sent something that is not a reply of its format.'
      : 'The upstream broke off its reply.';
  return problem('upstream_failed', `${what} What was delivered is billed.`);
}
