/** `fairlead start` as a process of its own, as a person at a terminal has it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('../../bin/fairlead.ts', import.meta.url));

export type Started = { gateway: string; admin: string; key: string; adminKey: string };

export type RunningCommand = Started & {
  /** Every line of standard output, the first one included. */
  lines: string[];
  /** A signal to the whole process group, which is what a terminal's Ctrl-C is. */
  interrupt(): void;
  /** Resolves to the exit code. */
  ended: Promise<number | null>;
};

const running = new Set<ChildProcess>();

/** Only what a test names is in the environment, besides what any program needs. */
export function launch(flags: string[], environment: Record<string, string> = {}): ChildProcess {
  const child = spawn(process.execPath, [program, 'start', ...flags], {
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '', ...environment },
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

export async function startCommand(
  flags: string[],
  environment: Record<string, string> = {},
): Promise<RunningCommand> {
  const child = launch(['--json', '--port', '0', '--admin-port', '0', ...flags], environment);
  const lines: string[] = [];
  let complaint = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    complaint += chunk.toString();
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('exit', (code) => resolve(code));
  });
  const first = await new Promise<string>((resolve, reject) => {
    if (child.stdout === null) return reject(new Error('no output'));
    createInterface({ input: child.stdout }).on('line', (line) => {
      lines.push(line);
      resolve(line);
    });
    ended.then((code) => reject(new Error(`ended with ${code}: ${complaint}`)));
  });
  const started = JSON.parse(first) as Started;
  return { ...started, lines, ended, interrupt: () => signalGroup(child, 'SIGINT') };
}

/** What a command says and how it ends, for commands that end by themselves. */
export async function runToEnd(
  flags: string[],
  environment: Record<string, string> = {},
): Promise<{ code: number | null; output: string; errors: string }> {
  const child = launch(flags, environment);
  let output = '';
  let errors = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  child.stderr?.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve) => {
    child.once('close', (exit) => resolve(exit));
  });
  return { code, output, errors };
}

/** Ends whatever a failed test has left behind. */
export function endAllCommands(): void {
  for (const child of running) signalGroup(child, 'SIGKILL');
  running.clear();
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch {
    // It has ended meanwhile.
  }
}
