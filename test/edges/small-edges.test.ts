import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { timeOfCallId } from '../../lambdas/core/call-id.ts';
import { createCancellation } from '../../lambdas/core/cancellation.ts';
import { systemClock } from '../../lambdas/edges/clock.ts';
import { createIds } from '../../lambdas/edges/ids.ts';
import { createLog } from '../../lambdas/edges/log.ts';
import { fetchSigningSecret, loadSigningSecretFile } from '../../lambdas/edges/signing-secret.ts';

const liveTimers = (): number =>
  process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;

describe('the system clock', () => {
  it('sleeps as long as it is told', async () => {
    const began = systemClock.monotonicMs();
    await systemClock.sleep(30);
    expect(systemClock.monotonicMs() - began).toBeGreaterThanOrEqual(29);
  });

  it('wakes at once when cancelled, and leaves no timer behind', async () => {
    const before = liveTimers();
    const cancellation = createCancellation();
    const sleeping = systemClock.sleep(60_000, cancellation);
    cancellation.cancel('enough');
    await sleeping;
    await systemClock.sleep(60_000, cancellation);
    expect(liveTimers()).toBe(before);
  });

  it('stops listening to a cancellation once it has slept', async () => {
    let listening = 0;
    const until = {
      cancelled: false,
      because: undefined,
      onCancel: () => {
        listening += 1;
        return () => {
          listening -= 1;
        };
      },
    };
    await systemClock.sleep(1, until);
    expect(listening).toBe(0);
  });
});

describe('ids', () => {
  it('are unique, sortable by time, and tell it', () => {
    const ids = createIds();
    const made = Array.from({ length: 5_000 }, (_, at) => ids.callId(1_700_000_000_000 + at));
    expect(new Set(made).size).toBe(made.length);
    expect([...made].sort()).toEqual(made);
    expect(timeOfCallId(made[7] ?? '')).toBe(1_700_000_000_007);
    const tails = made.map((id) => id.slice(15));
    expect(new Set(tails).size).toBe(tails.length);
  });
});

describe('the log', () => {
  const lines: string[] = [];
  const options = { write: (text: string) => lines.push(text), now: () => 0 };
  beforeEach(() => {
    lines.length = 0;
  });

  it('writes one line of JSON an event', () => {
    createLog(options).info('call', { callId: 'call_1', text: 'two\nlines', big: 5n });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      time: '1970-01-01T00:00:00.000Z',
      level: 'info',
      event: 'call',
      callId: 'call_1',
      text: 'two\nlines',
      big: '5',
    });
  });

  it('withholds what its name or its look says is secret, however deep', () => {
    const secret = 'sk-abcdefghijklmnop1234';
    createLog(options).error('fault', {
      headers: { Authorization: `Basic ${secret}`, 'x-api-key': 'x', accept: 'y' },
      secretHash: 'hash',
      message: `refused Bearer abc.def for ${secret} and flk_AAAAAAAAAAAAAAAA`,
      error: new Error(`bad ${secret}`),
    });
    expect(lines[0]).not.toMatch(/sk-abc|abc\.def|flk_A|"hash"|"x"/);
    expect(lines[0]).toContain('"accept":"y"');
    expect(lines[0]).toContain('"secretHash":"[withheld]"');
  });

  it('gathers the lines of a moment when told to, and gives them up on flush', async () => {
    const log = createLog({ ...options, gather: true });
    log.info('one', {});
    log.info('two', {});
    expect(lines).toHaveLength(0);
    await vi.waitFor(() => expect(lines).toHaveLength(1));
    expect(lines[0]?.split('\n')).toHaveLength(3);
    log.info('three', {});
    log.flush();
    expect(lines).toHaveLength(2);
  });
});

describe('the signing secret', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'fairlead-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  it('is made once, is private, and is the same however many start at once', async () => {
    const path = join(folder, 'data', 'signing-secret');
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadSigningSecretFile(path)));
    const again = await loadSigningSecretFile(path);
    for (const key of keys) expect(Buffer.compare(key, again)).toBe(0);
    expect(again.byteLength).toBeGreaterThanOrEqual(32);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
    expect(await readdir(join(folder, 'data'))).toEqual(['signing-secret']);
  });

  it('is refused when it is missing or too short', async () => {
    const path = join(folder, 'signing-secret');
    await writeFile(path, 'short\n');
    await expect(loadSigningSecretFile(path)).rejects.toThrow('fewer than 32');
    await expect(fetchSigningSecret(async () => undefined, 'name')).rejects.toThrow('missing');
    const key = await fetchSigningSecret(async () => 'x'.repeat(40), 'name');
    expect(Buffer.from(key).toString()).toBe('x'.repeat(40));
  });
});
