/** Starts the processes of a measurement, asks them what they have used, and ends them. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Usage } from './probe.ts';

const startMs = 20_000;
const endMs = 5_000;

export type Measured = {
  /** The first line that the process printed. */
  line: string;
  usage(): Promise<Usage>;
  /** Sends a message and resolves to the answer. */
  ask<Answer>(message: object): Promise<Answer>;
  end(): Promise<void>;
};

/** Starts a script with the probe inside; resolves once it has printed its first line. */
export async function startProcess(
  script: string,
  words: string[] = [],
  more: Record<string, string> = {},
): Promise<Measured> {
  const probe = join(import.meta.dirname, 'probe.ts');
  const child = spawn(process.execPath, ['--import', probe, script, ...words], {
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    env: { ...process.env, ...more },
  });
  const line = await firstLine(child, script);
  return {
    line,
    usage: async () => {
      child.send('usage');
      return (await answerWith<{ usage: Usage }>(child, 'usage')).usage;
    },
    ask: async (message) => {
      child.send(message);
      return (await answerWith<{ answer: never }>(child, 'answer')).answer;
    },
    end: () => end(child),
  };
}

function firstLine(child: ChildProcess, script: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    const timer = setTimeout(() => reject(new Error(`${script} did not start`)), startMs);
    child.stdout?.on('data', (chunk: Buffer) => {
      const end = text.indexOf('\n');
      if (end >= 0) return;
      text += chunk;
      const now = text.indexOf('\n');
      if (now < 0) return;
      clearTimeout(timer);
      resolve(text.slice(0, now));
    });
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`${script} ended with ${code}`));
    });
  });
}

async function answerWith<Answer extends object>(
  child: ChildProcess,
  name: keyof Answer & string,
): Promise<Answer> {
  for (;;) {
    const [message] = await once(child, 'message');
    if (typeof message === 'object' && message !== null && name in message) return message;
  }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), endMs);
  await ended;
  clearTimeout(timer);
}
