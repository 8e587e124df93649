/** Interleaved rounds of one scenario over several subjects, and what each cost per call. */
import type { Job, Outcome } from './load.ts';
import type { Measured } from './processes.ts';
import type { Play } from './scenarios.ts';

export type Subject = {
  name: string;
  process: Measured;
  /** Where the scenario's call goes, and with which credentials. */
  call(play: Play): Pick<Job, 'origin' | 'path' | 'headers'>;
};

export type Figures = {
  /** Milliseconds of the subject's CPU for a call: median of the rounds. */
  cpuMs: number;
  /** From the round in the middle. */
  p50: number;
  p99: number;
  firstByteP50: number;
  stampP50: number;
  stampP99: number;
  callsPerSecond: number;
  rssMb: number;
};

export type Scenario = Omit<Job, 'origin' | 'path' | 'headers'> & {
  play: Play;
  rounds: number;
};

type Round = { cpuMs: number; rssMb: number; outcome: Outcome };

/** Rounds go A B A B, so that what the machine does meanwhile falls on both alike. */
export async function measure(
  load: Measured,
  subjects: readonly Subject[],
  scenario: Scenario,
): Promise<Map<string, Figures>> {
  const { play, rounds, ...rest } = scenario;
  const found = new Map<string, Round[]>(subjects.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    for (const subject of subjects) {
      const job: Job = { ...rest, ...subject.call(play) };
      found.get(subject.name)?.push(await measureRound(load, subject, job));
    }
  }
  return new Map([...found].map(([name, all]) => [name, figuresOf(all)]));
}

async function measureRound(load: Measured, subject: Subject, job: Job): Promise<Round> {
  const before = await subject.process.usage();
  const outcome = await load.ask<Outcome>(job);
  const after = await subject.process.usage();
  if (outcome.failures > 0) {
    const of = `${outcome.failures} of ${outcome.whole.count + outcome.failures} calls`;
    throw new Error(`${subject.name}: ${of} failed, the first with: ${outcome.failure}`);
  }
  return { cpuMs: (after.cpuMs - before.cpuMs) / outcome.whole.count, rssMb: after.rssMb, outcome };
}

function figuresOf(rounds: readonly Round[]): Figures {
  const middle = (pick: (round: Round) => number): number =>
    rounds.map(pick).toSorted((a, b) => a - b)[Math.floor(rounds.length / 2)] ?? Number.NaN;
  return {
    cpuMs: middle((round) => round.cpuMs),
    p50: middle((round) => round.outcome.whole.p50),
    p99: middle((round) => round.outcome.whole.p99),
    firstByteP50: middle((round) => round.outcome.firstByte.p50),
    stampP50: middle((round) => round.outcome.stamps.p50),
    stampP99: middle((round) => round.outcome.stamps.p99),
    callsPerSecond: middle((round) => (round.outcome.whole.count * 1_000) / round.outcome.tookMs),
    rssMb: Math.max(...rounds.map((round) => round.rssMb)),
  };
}
