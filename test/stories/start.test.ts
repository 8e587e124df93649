/** `fairlead start` gives a stranger a working gateway, and loses nothing when it is stopped. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { usd } from '../../lambdas/core/money.ts';
import { endAllCommands, runToEnd, type Started, startCommand } from '../support/command-line.ts';

const root = mkdtempSync(join(tmpdir(), 'fairlead-start-'));
let directories = 0;
const newDirectory = (): string => join(root, String(++directories));

afterEach(endAllCommands);
afterAll(() => rmSync(root, { recursive: true, force: true }));

type Account = { id: string; balanceUsd: string; heldUsd: string; spentUsd: string };
type Entry = { callId: string; status: string; costUsd: string; attempts: { outcome: string }[] };

async function ask<T>(at: Started, path: string): Promise<T> {
  const reply = await fetch(`${at.admin}/admin/v1/${path}`, {
    headers: { authorization: `Bearer ${at.adminKey}` },
  });
  expect([path, reply.status]).toEqual([path, 200]);
  return (await reply.json()) as T;
}

async function accountOf(at: Started): Promise<Account> {
  const { organisations } = await ask<{ organisations: { id: string }[] }>(at, 'organisations');
  return ask<Account>(at, `organisations/${organisations[0]?.id}`);
}

async function entriesOf(at: Started): Promise<Entry[]> {
  const { id } = await accountOf(at);
  return (await ask<{ requests: Entry[] }>(at, `requests?organisation=${id}`)).requests;
}

const chat = (at: Started) =>
  new OpenAI({ apiKey: at.key, baseURL: `${at.gateway}/v1`, maxRetries: 0 });
const model = 'simulated-small';
const hello = [{ role: 'user' as const, content: 'Good morning' }];

describe('a first start', () => {
  it('serves both SDKs, fails over, and books each call to the last digit', async () => {
    const running = await startCommand(['--data', newDirectory()]);
    const client = chat(running);
    const calls = 6;
    for (let call = 0; call < calls; call++) {
      const reply = await client.chat.completions.create({ model, messages: hello });
      expect(reply.choices[0]?.message.content).toContain('simulated reply');
    }
    const anthropic = new Anthropic({ apiKey: running.key, baseURL: running.gateway });
    const message = await anthropic.messages
      .stream({ model, max_tokens: 50, messages: hello })
      .finalMessage();
    expect(message.content[0]).toMatchObject({ type: 'text' });
    const entries = await entriesOf(running);
    expect(entries).toHaveLength(calls + 1);
    // The quick provider refuses every fifth call, so one of these was answered by another.
    expect(entries.filter(({ attempts }) => attempts.length > 1).length).toBeGreaterThan(0);
    const account = await accountOf(running);
    const spent = entries.reduce((sum, entry) => sum.plus(usd(entry.costUsd)), usd('0'));
    expect(usd(account.spentUsd).toFixed()).toBe(spent.toFixed());
    expect(usd(account.balanceUsd).plus(spent).toFixed()).toBe('100');
    expect(account.heldUsd).toBe('0');
    running.interrupt();
    expect(await running.ended).toBe(0);
    expect(running.lines.every((line) => line.startsWith('{'))).toBe(true);
    expect(running.lines.join('\n').split(running.key)).toHaveLength(2);
  });

  it('lets nobody into the control plane without its own key', async () => {
    const running = await startCommand(['--data', newDirectory()]);
    const path = `${running.admin}/admin/v1/organisations`;
    expect((await fetch(path)).status).toBe(401);
    const withCallers = { headers: { authorization: `Bearer ${running.key}` } };
    expect((await fetch(path, withCallers)).status).toBe(401);
  });
});

describe('a restart', () => {
  it('finds the same keys, the balance, and the records of before', async () => {
    const data = newDirectory();
    const first = await startCommand(['--data', data]);
    await chat(first).chat.completions.create({ model, messages: hello });
    const before = await accountOf(first);
    const entries = await entriesOf(first);
    first.interrupt();
    expect(await first.ended).toBe(0);
    const second = await startCommand(['--data', data]);
    expect([second.key, second.adminKey]).toEqual([first.key, first.adminKey]);
    expect(await accountOf(second)).toEqual(before);
    expect(await entriesOf(second)).toEqual(entries);
  });
});

describe('Ctrl-C', () => {
  it('lets a stream in flight come to its end, and settles it', async () => {
    const data = newDirectory();
    const first = await startCommand(['--data', data]);
    const stream = await chat(first).chat.completions.create({
      model,
      stream: true,
      messages: [{ role: 'user', content: 'Say 150 words' }],
    });
    let words = 0;
    let interrupted = false;
    for await (const chunk of stream) {
      words += (chunk.choices[0]?.delta.content ?? '').split(' ').filter(Boolean).length;
      if (words > 5 && !interrupted) {
        interrupted = true;
        first.interrupt();
      }
    }
    expect(words).toBe(150);
    expect(await first.ended).toBe(0);
    const second = await startCommand(['--data', data]);
    const [entry] = await entriesOf(second);
    expect(entry?.status).toBe('ok');
    const account = await accountOf(second);
    expect(account.heldUsd).toBe('0');
    expect(account.spentUsd).toBe(entry?.costUsd);
  });

  it('twice ends at once', async () => {
    const running = await startCommand(['--data', newDirectory()]);
    const stream = await chat(running).chat.completions.create({
      model,
      stream: true,
      messages: [{ role: 'user', content: 'Say 5000 words' }],
    });
    await stream[Symbol.asyncIterator]().next();
    running.interrupt();
    await sleep(200);
    running.interrupt();
    expect(await running.ended).toBe(130);
  });
});

describe('a start that cannot be', () => {
  it('says in one line that a port is taken', async () => {
    const taken = net.createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const address = taken.address();
    const port = address !== null && typeof address === 'object' ? address.port : 0;
    const { code, errors } = await runToEnd(['--port', String(port), '--data', newDirectory()]);
    taken.close();
    expect(code).toBe(1);
    expect(errors).toBe(`fairlead: port ${port} is in use; choose another one with --port\n`);
  });

  it('names every fault of a policy at its place', async () => {
    const file = join(root, 'policy.yaml');
    writeFileSync(
      file,
      'providers: { openai: }\nmodels: { m: { routes: [opnai] } }\nprices: { a/b: { input: 1 } }\n',
    );
    const shape = await runToEnd(['--policy', file, '--data', newDirectory()]);
    expect(shape.code).toBe(1);
    expect(shape.errors).toContain('  prices.a/b.input: money must be quoted');
    writeFileSync(file, 'providers: { openai: }\nmodels: { m: { routes: [opnai] } }\n');
    const reference = await runToEnd(['--policy', file, '--data', newDirectory()]);
    expect(reference.errors).toContain('did you mean "openai"?');
  });

  it('will not share its data directory', async () => {
    const data = newDirectory();
    await startCommand(['--data', data]);
    const { code, errors } = await runToEnd(['--port', '0', '--data', data]);
    expect(code).toBe(1);
    expect(errors).toMatch(/^fairlead: .* is in use by process \d+\n$/);
  });
});
