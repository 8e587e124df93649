/** The control plane stays on this machine, wherever the gateway listens. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { endAllCommands, startCommand } from '../support/command-line.ts';

const root = mkdtempSync(join(tmpdir(), 'fairlead-admin-host-'));
afterAll(endAllCommands);
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** Another address of the same loopback. */
const elsewhere = '127.0.0.2';

async function hostsOf(name: string, more: string[]): Promise<string[]> {
  const running = await startCommand(['--data', join(root, name), '--host', elsewhere, ...more]);
  const hosts = [running.gateway, running.admin].map((url) => new URL(url).hostname);
  expect((await fetch(`${running.gateway}/health`)).status).toBe(200);
  running.interrupt();
  await running.ended;
  return hosts;
}

it('a gateway that listens elsewhere does not take the admin endpoints along', async () => {
  expect(await hostsOf('a', [])).toEqual([elsewhere, '127.0.0.1']);
});

it('they go where --admin-host says', async () => {
  expect(await hostsOf('b', ['--admin-host', elsewhere])).toEqual([elsewhere, elsewhere]);
});
