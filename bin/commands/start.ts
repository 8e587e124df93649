/** `fairlead start`: a working gateway on this machine, with all it needs. */
import { readFile } from 'node:fs/promises';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { parseDocument } from 'yaml';
import { type LocalInstallation, startLocal } from '../../lambdas/doors/compose-local.ts';
import { createLog } from '../../lambdas/edges/log.ts';
import { PolicyError } from '../../lambdas/providers/policy-faults.ts';
import { banner, jsonLine, notes } from './banner.ts';

type StartOptions = {
  port: number;
  adminPort: number;
  host: string;
  adminHost: string;
  data: string;
  policy?: string;
  allowPrivateUpstreams: boolean;
  json: boolean;
};

export function addStart(program: Command): void {
  program
    .command('start')
    .description('run the gateway on this machine')
    .addOption(portOption('--port <number>', 'port of the gateway; 0: any free one', 8787))
    .addOption(portOption('--admin-port <number>', 'port of the admin API; 0: any free one', 0))
    .addOption(
      new Option('--host <address>', 'address to listen on')
        .default('127.0.0.1')
        .env('FAIRLEAD_HOST'),
    )
    .addOption(
      new Option('--admin-host <address>', 'address of the admin API')
        .default('127.0.0.1')
        .env('FAIRLEAD_ADMIN_HOST'),
    )
    .addOption(
      new Option('--data <directory>', 'where data outlives a restart')
        .default('.fairlead')
        .env('FAIRLEAD_DATA'),
    )
    .addOption(
      new Option('--policy <file>', 'policy in YAML or JSON; see examples/policy.yaml').env(
        'FAIRLEAD_POLICY',
      ),
    )
    .addOption(
      new Option('--allow-private-upstreams', 'let providers be on private addresses').default(
        isTrue('FAIRLEAD_ALLOW_PRIVATE_UPSTREAMS'),
      ),
    )
    .addOption(
      new Option('--json', 'print one line of JSON, then only JSON logs').default(
        isTrue('FAIRLEAD_JSON'),
      ),
    )
    .action(start);
}

/** A variable that says `false` must not pass for one that is set. */
function isTrue(variable: string): boolean {
  return process.env[variable] === 'true' || process.env[variable] === '1';
}

const portMax = 65_535;

function portOption(flags: string, description: string, usual: number): Option {
  const variable = flags.startsWith('--admin') ? 'FAIRLEAD_ADMIN_PORT' : 'FAIRLEAD_PORT';
  return new Option(flags, description)
    .default(usual)
    .env(variable)
    .argParser((text) => {
      const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
      if (port <= portMax) return port;
      throw new InvalidArgumentError(`a port is a number from 0 to ${portMax}.`);
    });
}

async function start(options: StartOptions): Promise<void> {
  // With --json the log shares standard output; without it the banner has that for itself.
  const write = (lines: string): void =>
    void (options.json ? process.stdout : process.stderr).write(lines);
  const log = createLog({ write, gather: true });
  const signalled = catchSignals();
  let local: LocalInstallation;
  try {
    local = await startLocal({
      ...{ port: options.port, adminPort: options.adminPort },
      ...{ host: options.host, adminHost: options.adminHost },
      dataDirectory: options.data,
      ...(options.policy === undefined ? {} : { policyDocument: await readPolicy(options.policy) }),
      allowPrivateUpstreams: options.allowPrivateUpstreams,
      ...{ environment: process.env, log },
    });
  } catch (error) {
    process.stderr.write(`fairlead: ${reasonOf(error, options)}\n`);
    process.exitCode = 1;
    signalled.forget();
    return;
  }
  if (options.json) {
    process.stdout.write(jsonLine(local));
    for (const note of notes(local, process.env)) log.info('note', { note });
  } else {
    process.stdout.write(banner(local, process.env));
  }
  const signal = await signalled.first;
  if (!options.json) process.stdout.write(`\n${signal}: letting calls in flight end …\n`);
  await local.close();
  log.flush();
  signalled.forget();
}

/** The first signal drains; the second one means it. */
function catchSignals(): { first: Promise<string>; forget(): void } {
  let heard = (_signal: string): void => {};
  const first = new Promise<string>((resolve) => {
    heard = resolve;
  });
  let count = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (++count > 1) process.exit(130);
    heard(signal);
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return { first, forget: () => process.off('SIGINT', onSignal).off('SIGTERM', onSignal) };
}

/** Reads YAML, of which JSON is a part. */
async function readPolicy(path: string): Promise<unknown> {
  const document = parseDocument(await readFile(path, 'utf8'));
  const [fault] = document.errors;
  if (fault !== undefined) {
    throw new Error(`${path}: ${fault.message.split('\n')[0]?.replace(/:$/, '')}`);
  }
  return document.toJS();
}

/** One clear line for each thing that is wrong. */
function reasonOf(error: unknown, options: StartOptions): string {
  if (error instanceof PolicyError) {
    const where = options.policy ?? 'the policy';
    return `${where} cannot be in force:\n${error.message.replace(/^/gm, '  ')}`;
  }
  if (!(error instanceof Error)) return String(error);
  if ('code' in error && error.code === 'EADDRINUSE') {
    const { port } = error as { port?: number };
    const flag = port === options.port ? '--port' : '--admin-port';
    return `port ${port} is in use; choose another one with ${flag}`;
  }
  if ('code' in error && error.code === 'ENOENT' && options.policy !== undefined) {
    return `${options.policy} is not there`;
  }
  return error.message;
}
