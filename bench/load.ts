/** The callers of a measurement, in a process of their own: they ask, read to the end, and time. */
import { Pool } from 'undici';
import { microsNow } from './scenarios.ts';

export type Job = {
  origin: string;
  path: string;
  headers: Record<string, string>;
  body: string;
  /** No more calls than these, and none begun after `forMs`. */
  calls: number;
  forMs: number;
  atOnce: number;
  /** Milliseconds over which the first calls begin; they all begin at once where it is absent. */
  rampMs?: number;
  /** Read `t=…;` stamps out of the chunks and report how long each was on its way. */
  stamps?: boolean;
};

export type Spread = { p50: number; p99: number; count: number };

/** Milliseconds. */
export type Outcome = {
  failures: number;
  /** The first failure, as it was seen. */
  failure?: string;
  whole: Spread;
  firstByte: Spread;
  stamps: Spread;
  tookMs: number;
};

type Times = { whole: number[]; firstByte: number[]; stamps: number[]; failures: string[] };

const callMs = 60_000;
const stampPattern = /t=(\d+);/g;

function ask(pool: Pool, job: Job, times: Times): Promise<void> {
  const began = performance.now();
  return new Promise((resolve) => {
    let status = 0;
    let bytes = 0;
    let refusal = '';
    const fail = (because: string): void => {
      times.failures.push(because);
      resolve();
    };
    pool.dispatch(
      {
        method: 'POST',
        path: job.path,
        headers: job.headers,
        body: job.body,
        headersTimeout: callMs,
        bodyTimeout: callMs,
      },
      {
        onRequestStart() {},
        onResponseStart(_controller, code) {
          status = code;
        },
        onResponseData(_controller, chunk) {
          if (bytes === 0) times.firstByte.push(performance.now() - began);
          bytes += chunk.byteLength;
          if (status !== 200) refusal += chunk;
          if (job.stamps === true) readStamps(chunk, times.stamps);
        },
        onResponseEnd() {
          if (status !== 200) return fail(`${status} ${refusal.slice(0, 300)}`);
          times.whole.push(performance.now() - began);
          resolve();
        },
        onResponseError(_controller, error) {
          fail(error.message);
        },
      },
    );
  });
}

function readStamps(chunk: Buffer, into: number[]): void {
  const now = microsNow();
  for (const match of chunk.toString('latin1').matchAll(stampPattern)) {
    into.push((now - Number(match[1])) / 1_000);
  }
}

function spreadOf(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99), count: sorted.length };
}

async function run(job: Job): Promise<Outcome> {
  const times: Times = { whole: [], firstByte: [], stamps: [], failures: [] };
  const pool = new Pool(job.origin, { connections: job.atOnce, allowH2: false });
  const began = performance.now();
  let left = job.calls;
  const caller = async (_: unknown, at: number): Promise<void> => {
    const waitMs = ((job.rampMs ?? 0) * at) / job.atOnce;
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    while (left-- > 0 && performance.now() - began < job.forMs) await ask(pool, job, times);
  };
  await Promise.all(Array.from({ length: job.atOnce }, caller));
  const tookMs = performance.now() - began;
  await pool.destroy();
  const [failure] = times.failures;
  return {
    failures: times.failures.length,
    ...(failure === undefined ? {} : { failure }),
    whole: spreadOf(times.whole),
    firstByte: spreadOf(times.firstByte),
    stamps: spreadOf(times.stamps),
    tookMs,
  };
}

process.on('message', (message: Job | 'usage') => {
  if (message === 'usage') return;
  run(message).then((answer) => process.send?.({ answer }));
});
process.channel?.ref();
console.log('ready');
