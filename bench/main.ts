/**
 * What the gateway costs beside a relay that does nothing but relay: same machine, same run, rounds
 * interleaved. The store, the callers and the provider are processes of their own.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Figures, measure, type Subject } from './measure.ts';
import { type Measured, startProcess } from './processes.ts';
import { type Aim, printHead, printRow } from './report.ts';
import { type Play, paths, requestBody } from './scenarios.ts';

const here = import.meta.dirname;
const root = join(here, '..');
const relaysOnly = process.argv.includes('--relays-only');

/** Chosen so that a whole run stays under a minute and a half on two cores. */
const counts = { whole: 1_000, large: 150, idle: 150, burst: 40, paced: 500, warm: 300 } as const;
const rounds = 3;

const json = { 'content-type': 'application/json' };
const chatPath = '/v1/chat/completions';

function relaySubject(name: string, relay: Measured): Subject {
  const call = (play: string) => {
    return { origin: relay.line, path: `${paths[play as Play]}${chatPath}`, headers: json };
  };
  return { name, process: relay, call };
}

type StartLine = { gateway: string; key: string };

async function startGateway(upstreamUrl: string, folder: string): Promise<Subject> {
  const policy = join(folder, 'policy.json');
  await writeFile(policy, JSON.stringify(policyOver(upstreamUrl)));
  const data = join(folder, 'data');
  const flags = ['--json', '--port', '0', '--admin-port', '0', '--policy', policy, '--data', data];
  const program = join(root, 'bin', 'fairlead.ts');
  const started = await startProcess(program, 'start', ...flags, '--allow-private-upstreams');
  const { gateway, key } = JSON.parse(started.line) as StartLine;
  const headers = { ...json, authorization: `Bearer ${key}` };
  const call = () => ({ origin: gateway, path: chatPath, headers });
  return { name: 'gateway', process: started, call };
}

/** One provider for each play, because a provider's path is what tells the plays apart. */
function policyOver(upstreamUrl: string): object {
  const plays = Object.keys(paths) as Play[];
  const provider = (play: Play) => {
    return { kind: 'openai-compatible', baseUrl: `${upstreamUrl}${paths[play]}/v1` };
  };
  return {
    version: 'bench',
    providers: Object.fromEntries(plays.map((play) => [play, provider(play)])),
    models: Object.fromEntries(
      plays.map((play) => [play, { outputTokensMax: 4_096, routes: [play] }]),
    ),
    prices: Object.fromEntries(
      plays.map((play) => [
        `${play}/${play}`,
        { input: '0.01', cachedInput: '0.005', output: '0.02' },
      ]),
    ),
  };
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fairlead-bench-'));
  const started: Measured[] = [];
  const start = async (...words: Parameters<typeof startProcess>): Promise<Measured> => {
    const process = await startProcess(...words);
    started.push(process);
    return process;
  };
  try {
    const upstream = await start(join(here, 'upstream.ts'));
    const load = await start(join(here, 'load.ts'));
    const relay = join(here, 'relay.ts');
    const bare = relaySubject('relay', await start(relay, 'bare', upstream.line));
    if (relaysOnly) {
      const undici = relaySubject('undici', await start(relay, 'undici', upstream.line));
      const node = relaySubject('node', await start(relay, 'node', upstream.line));
      await compareEdges(load, [bare, undici, node]);
    } else {
      const gateway = await startGateway(upstream.line, folder);
      started.push(gateway.process);
      await compareGateway(load, [gateway, bare]);
    }
  } finally {
    await Promise.all(started.map((process) => process.end()));
    await rm(folder, { recursive: true, force: true });
  }
}

async function compareGateway(load: Measured, subjects: readonly Subject[]): Promise<void> {
  printHead(subjects.map(({ name }) => name));
  const row = (
    name: string,
    figures: Map<string, Figures>,
    pick: (of: Figures) => number,
    aim?: Aim,
  ): void => {
    printRow(
      name,
      subjects.map((subject) => pick(figures.get(subject.name) ?? nothing)),
      aim,
    );
  };
  await warmUp(load, subjects);

  const small = requestBody('whole', 2_000, false);
  const idle = await measure(load, subjects, {
    ...{ play: 'whole', body: small, calls: counts.idle, atOnce: 1, rounds },
  });
  row('2 kB, one at a time: p50 ms', idle, (of) => of.p50);
  row('2 kB, one at a time: p99 ms', idle, (of) => of.p99);
  const busy = await measure(load, subjects, {
    ...{ play: 'whole', body: small, calls: counts.whole, atOnce: 64, rounds },
  });
  row('2 kB, 64 at once: CPU ms a call', busy, (of) => of.cpuMs, { atMost: 0.8 });
  row('2 kB, 64 at once: p50 ms', busy, (of) => of.p50);
  row('2 kB, 64 at once: p99 ms', busy, (of) => of.p99);
  row('2 kB, 64 at once: calls a second', busy, (of) => of.callsPerSecond);

  const large = await measure(load, subjects, {
    ...{ play: 'whole', body: requestBody('whole', 200_000, false), calls: counts.large },
    ...{ atOnce: 16, rounds },
  });
  row('200 kB, 16 at once: CPU ms a call', large, (of) => of.cpuMs, { atMost: 2 });

  const stream = requestBody('burst', 2_000, true);
  const first = await measure(load, subjects, {
    ...{ play: 'burst', body: stream, calls: counts.burst, atOnce: 1, rounds },
  });
  row('stream, one at a time: first chunk ms', first, (of) => of.firstByteP50, { addedAtMost: 2 });
  const burst = await measure(load, subjects, {
    ...{ play: 'burst', body: stream, calls: counts.burst, atOnce: 8, rounds },
  });
  row('stream of 1,000 chunks: CPU ms', burst, (of) => of.cpuMs, { timesAtMost: 1.5 });
  const idleStreams = new Map(
    [...burst].map(([name, of]) => {
      const call = busy.get(name)?.cpuMs ?? Number.NaN;
      return [name, { ...of, cpuMs: of.cpuMs - call }];
    }),
  );
  row('its chunks alone: CPU ms', idleStreams, (of) => of.cpuMs, { timesAtMost: 1.5 });

  const paced = await measure(load, subjects, {
    ...{ play: 'paced', body: requestBody('paced', 2_000, true), calls: counts.paced },
    ...{ atOnce: counts.paced, rampMs: 2_000, stamps: true, rounds: 1 },
  });
  row('500 paced streams: chunk p99 ms', paced, (of) => of.stampP99, { addedAtMost: 15 });
  row('memory after all that: MB', paced, (of) => of.rssMb, { atMost: 160 });
}

const nothing: Figures = {
  ...{ cpuMs: Number.NaN, p50: Number.NaN, p99: Number.NaN, firstByteP50: Number.NaN },
  ...{ stampP99: Number.NaN, callsPerSecond: Number.NaN, rssMb: Number.NaN },
};

async function warmUp(load: Measured, subjects: readonly Subject[]): Promise<void> {
  const plays: [Play, boolean, number][] = [
    ['whole', false, counts.warm],
    ['burst', true, 10],
  ];
  for (const [play, stream, calls] of plays) {
    const body = requestBody(play, 2_000, stream);
    await measure(load, subjects, { play, body, calls, atOnce: 8, rounds: 1 });
  }
}

/** What the choice of HTTP client costs: the same relay over each of our upstream edges. */
async function compareEdges(load: Measured, subjects: readonly Subject[]): Promise<void> {
  printHead(subjects.map(({ name }) => name));
  await warmUp(load, subjects);
  const row = (name: string, figures: Map<string, Figures>, pick: (of: Figures) => number) =>
    printRow(
      name,
      subjects.map((subject) => pick(figures.get(subject.name) ?? nothing)),
    );
  for (const bytes of [2_000, 200_000]) {
    const body = requestBody('whole', bytes, false);
    const calls = bytes > 100_000 ? 500 : 3_000;
    const figures = await measure(load, subjects, {
      ...{ play: 'whole', body, calls, atOnce: 64, rounds: 5 },
    });
    row(`${bytes / 1_000} kB, 64 at once: CPU ms a call`, figures, (of) => of.cpuMs);
    row(`${bytes / 1_000} kB, 64 at once: p50 ms`, figures, (of) => of.p50);
  }
  const figures = await measure(load, subjects, {
    ...{ play: 'burst', body: requestBody('burst', 2_000, true), calls: 60, atOnce: 8, rounds: 5 },
  });
  row('stream of 1,000 chunks: CPU ms', figures, (of) => of.cpuMs);
  row('memory: MB', figures, (of) => of.rssMb);
}

await main();
