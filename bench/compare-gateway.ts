/** The gateway beside the bare relay: one row for each aim, and for what helps to read it. */
import { type Figures, measure, type Scenario, type Subject } from './measure.ts';
import type { Measured } from './processes.ts';
import { type Aim, printHead, printRow } from './report.ts';
import { requestBody } from './scenarios.ts';
import type { StoreJob, StoreOutcome } from './store.ts';
import { warmUp } from './warm-up.ts';

export type Stage = {
  load: Measured;
  /** The store, and what its client costs alone. */
  store: Measured;
  gateway: Subject;
  relay: Subject;
};

/** Two updates admit a call, one record and two updates settle it. */
const storeCallsPerCall = 5;
const rounds = 3;
const forMs = 2_000;
const pacedStreams = 500;
const pacedRampMs = 2_000;
const pacedForMs = 10_000;

type Pair = [gateway: Figures, relay: Figures];

export async function compareGateway(stage: Stage): Promise<void> {
  printHead([stage.gateway.name, stage.relay.name]);
  const atStart = [await stage.gateway.process.usage(), await stage.relay.process.usage()];
  await warmUp(stage.load, [stage.gateway, stage.relay]);
  await compareWhole(stage);
  await compareStreams(stage);
  const paced = await compare(stage, {
    ...{ play: 'paced', body: requestBody('paced', 2_000, true), calls: pacedStreams },
    ...{ atOnce: pacedStreams, rampMs: pacedRampMs, forMs: pacedForMs, stamps: true, rounds: 1 },
  });
  print(`${pacedStreams} paced streams: chunk p50 ms`, paced, (of) => of.stampP50);
  print(`${pacedStreams} paced streams: chunk p99 ms`, paced, (of) => of.stampP99, {
    addedAtMost: 15,
  });
  const startMb = atStart.map((usage) => usage.rssMb);
  printRow('memory at the start: MB', startMb);
  print('memory after all that: MB', paced, (of) => of.rssMb, { atMost: 160 });
}

async function compareWhole(stage: Stage): Promise<void> {
  const small = requestBody('whole', 2_000, false);
  const idle = await compare(stage, {
    ...{ play: 'whole', body: small, calls: 300, forMs: 1_500, atOnce: 1, rounds },
  });
  print('2 kB, one at a time: p50 ms', idle, (of) => of.p50);
  print('2 kB, one at a time: p99 ms', idle, (of) => of.p99);
  const busy = await compare(stage, {
    ...{ play: 'whole', body: small, calls: 4_000, forMs, atOnce: 64, rounds },
  });
  print('2 kB, 64 at once: p50 ms', busy, (of) => of.p50);
  print('2 kB, 64 at once: p99 ms', busy, (of) => of.p99);
  print('2 kB, 64 at once: calls a second', busy, (of) => of.callsPerSecond);
  print('2 kB, 64 at once: CPU ms a call', busy, (of) => of.cpuMs, { atMost: 0.8 });
  const job: StoreJob = { updates: 1_000, atOnce: 16 };
  await stage.store.ask<StoreOutcome>(job);
  const store = await stage.store.ask<StoreOutcome>(job);
  const [gateway, relay] = busy;
  printRow('one store call: CPU ms of its client', [store.cpuMs]);
  const bare = gateway.cpuMs - storeCallsPerCall * store.cpuMs;
  const label = `2 kB without its ${storeCallsPerCall} store calls: CPU ms`;
  printRow(label, [bare, relay.cpuMs], { timesAtMost: 2 });

  const large = await compare(stage, {
    ...{ play: 'whole', body: requestBody('whole', 200_000, false), calls: 600 },
    ...{ forMs, atOnce: 16, rounds },
  });
  print('200 kB, 16 at once: CPU ms a call', large, (of) => of.cpuMs, { atMost: 2 });
}

async function compareStreams(stage: Stage): Promise<void> {
  const body = requestBody('burst', 2_000, true);
  const first = await compare(stage, {
    ...{ play: 'burst', body, calls: 40, forMs: 1_500, atOnce: 1, rounds },
  });
  print('stream, one at a time: first chunk p50 ms', first, (of) => of.firstByteP50, {
    addedAtMost: 2,
  });
  const burst = await compare(stage, {
    ...{ play: 'burst', body, calls: 60, forMs: 3_000, atOnce: 8, rounds },
  });
  print('stream of 1,000 chunks: CPU ms', burst, (of) => of.cpuMs);
  const whole = requestBody('whole', 2_000, false);
  const calls = await compare(stage, {
    ...{ play: 'whole', body: whole, calls: 400, forMs: 1_000, atOnce: 8, rounds },
  });
  const chunksOf = (at: 0 | 1): number => burst[at].cpuMs - calls[at].cpuMs;
  printRow('its chunks, the call left out: CPU ms', [chunksOf(0), chunksOf(1)], {
    timesAtMost: 1.5,
  });
}

async function compare({ load, gateway, relay }: Stage, scenario: Scenario): Promise<Pair> {
  const figures = await measure(load, [gateway, relay], scenario);
  const [one, other] = [figures.get(gateway.name), figures.get(relay.name)];
  if (one === undefined || other === undefined) throw new Error('nothing was measured');
  return [one, other];
}

function print(name: string, pair: Pair, pick: (of: Figures) => number, aim?: Aim): void {
  printRow(name, pair.map(pick), aim);
}
