import { expect, test } from 'vitest';
import type { Ports } from '../../../lambdas/core/ports.ts';
import { problem } from '../../../lambdas/core/problem.ts';
import { startTimeline } from '../../../lambdas/core/timeline.ts';
import type { RecordFacts } from '../../../lambdas/gateway/settle/record.ts';
import { settleFailure } from '../../../lambdas/gateway/settle/settle.ts';

test('settling never rejects, not even where the record of a call cannot be made', async () => {
  const logged: string[] = [];
  const ports = {
    log: { info: () => {}, error: (event: string) => logged.push(event) },
  } as unknown as Ports;
  const facts = {
    ...{ inbound: { callId: 'call' }, timeline: startTimeline(() => 0) },
    // No ask at all: whatever reads it throws.
  } as unknown as RecordFacts;
  await expect(settleFailure(ports, facts, problem('internal', 'x'))).resolves.toBeUndefined();
  expect(logged).toEqual(['fault']);
});
