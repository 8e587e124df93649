/** What the choice of HTTP client costs: the same relay over each of our upstream edges. */
import { type Figures, measure, type Subject } from './measure.ts';
import type { Measured } from './processes.ts';
import { printHead, printRow } from './report.ts';
import { requestBody } from './scenarios.ts';
import { warmUp } from './warm-up.ts';

const rounds = 5;
const forMs = 2_500;
const atOnce = 64;

/** Compares the subjects with the last of them. */
export async function compareEdges(load: Measured, subjects: readonly Subject[]): Promise<void> {
  printHead(subjects.map(({ name }) => name));
  await warmUp(load, subjects);
  for (const bytes of [2_000, 200_000]) {
    const body = requestBody('whole', bytes, false);
    const calls = bytes > 100_000 ? 500 : 3_000;
    const scenario = { play: 'whole', body, calls, forMs, atOnce, rounds } as const;
    const figures = await measure(load, subjects, scenario);
    const size = `${bytes / 1_000} kB, ${atOnce} at once`;
    print(`${size}: CPU ms a call`, figures, (of) => of.cpuMs);
    print(`${size}: p50 ms`, figures, (of) => of.p50);
  }
  const body = requestBody('burst', 2_000, true);
  const scenario = { play: 'burst', body, calls: 60, forMs, atOnce: 8, rounds } as const;
  const figures = await measure(load, subjects, scenario);
  print('stream of 1,000 chunks: CPU ms', figures, (of) => of.cpuMs);
  print('memory: MB', figures, (of) => of.rssMb);
}

function print(name: string, figures: Map<string, Figures>, pick: (of: Figures) => number): void {
  printRow(name, [...figures.values()].map(pick));
}
