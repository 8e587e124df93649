/** Lets every subject compile what it will run, before anything is counted. */
import { measure, type Subject } from './measure.ts';
import type { Measured } from './processes.ts';
import { requestBody } from './scenarios.ts';

const warmMs = 3_000;

export async function warmUp(load: Measured, subjects: readonly Subject[]): Promise<void> {
  const common = { forMs: warmMs, atOnce: 8, rounds: 1 } as const;
  const whole = requestBody('whole', 2_000, false);
  await measure(load, subjects, { ...common, play: 'whole', body: whole, calls: 800 });
  const burst = requestBody('burst', 2_000, true);
  await measure(load, subjects, { ...common, play: 'burst', body: burst, calls: 20 });
}
