/**
 * What the gateway costs beside a relay that does nothing but relay: same machine, same run, rounds
 * interleaved. The store, the callers and the provider are processes of their own. With
 * `--upstreams`: what each of our HTTP clients costs instead.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { variables } from '../lambdas/core/settings.ts';
import { measureColdStart } from './cold-start.ts';
import { compareEdges } from './compare-edges.ts';
import { compareGateway } from './compare-gateway.ts';
import type { Subject } from './measure.ts';
import { type Measured, startProcess } from './processes.ts';
import { printRow } from './report.ts';
import { type Play, paths } from './scenarios.ts';

const here = import.meta.dirname;
const gatewayProgram = join(here, '..', 'bin', 'fairlead.ts');
const json = { 'content-type': 'application/json' };
const chatPath = '/v1/chat/completions';

type Start = (script: string, words?: string[], more?: Record<string, string>) => Promise<Measured>;

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'fairlead-bench-'));
  const started: Measured[] = [];
  const start: Start = async (...how) => {
    const process = await startProcess(...how);
    started.push(process);
    return process;
  };
  try {
    const upstream = await start(join(here, 'upstream.ts'));
    const load = await start(join(here, 'load.ts'));
    const relayOf = async (kind: string, name: string): Promise<Subject> =>
      relaySubject(name, await start(join(here, 'relay.ts'), [kind, upstream.line]));
    const relay = await relayOf('bare', 'relay');
    if (process.argv.includes('--upstreams')) {
      const edges = [await relayOf('undici', 'undici'), await relayOf('node', 'node:http')];
      await compareEdges(load, [...edges, relay]);
      return;
    }
    const store = await start(join(here, 'store.ts'));
    const policy = policyOver(upstream.line);
    const gateway = await startGateway(start, policy, store.line, folder);
    await compareGateway({ load, store, gateway, relay });
    const cold = await measureColdStart(store.line, policy, folder);
    printRow('bundle: kB', [cold.bundleBytes / 1_000], { atMost: 600 });
    printRow('an empty process: CPU ms', [cold.emptyProcessMs]);
    printRow('bundle loaded: CPU ms', [cold.loadedMs]);
    printRow('cold start to first byte: CPU ms', [cold.firstByteMs], { atMost: 120 });
  } finally {
    await Promise.all(started.map((process) => process.end()));
    await rm(folder, { recursive: true, force: true });
  }
}

function relaySubject(name: string, relay: Measured): Subject {
  const call = (play: Play) => {
    return { origin: relay.line, path: `${paths[play]}${chatPath}`, headers: json };
  };
  return { name, process: relay, call };
}

async function startGateway(
  start: Start,
  policy: object,
  store: string,
  folder: string,
): Promise<Subject> {
  const file = join(folder, 'policy.json');
  await writeFile(file, JSON.stringify(policy));
  const ports = ['--port', '0', '--admin-port', '0', '--allow-private-upstreams'];
  const files = ['--policy', file, '--data', join(folder, 'data')];
  const words = ['start', '--json', ...ports, ...files];
  const started = await start(gatewayProgram, words, { [variables.dynamodbEndpoint]: store });
  const { gateway, key } = JSON.parse(started.line) as { gateway: string; key: string };
  const headers = { ...json, authorization: `Bearer ${key}` };
  return {
    name: 'gateway',
    process: started,
    call: () => ({ origin: gateway, path: chatPath, headers }),
  };
}

/** One provider for each play, because a provider's path is what tells the plays apart. */
function policyOver(upstreamUrl: string): object {
  const plays = Object.keys(paths) as Play[];
  const each = <Value>(key: (play: Play) => string, value: (play: Play) => Value) =>
    Object.fromEntries(plays.map((play) => [key(play), value(play)]));
  const price = { input: '0.01', cachedInput: '0.005', output: '0.02' };
  const name = (play: Play): string => play;
  return {
    version: 'bench',
    providers: each(name, (play) => {
      return { kind: 'openai-compatible', baseUrl: `${upstreamUrl}${paths[play]}/v1` };
    }),
    models: each(name, (play) => ({ outputTokensMax: 4_096, routes: [play] })),
    prices: each(
      (play) => `${play}/${play}`,
      () => price,
    ),
  };
}

await main();
