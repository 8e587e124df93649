/** The Lambda door under AWS's own runtime loop: what a caller of the function URL would see. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { bundleLambda } from '../../lib/bundle.ts';
import {
  type LambdaRuntime,
  startLambdaRuntime,
  urlEvent,
  whyNoRuntime,
} from '../support/lambda-runtime.ts';
import type { Answer } from '../support/lambda-runtime-api.ts';

const reason = whyNoRuntime();
const directory = mkdtempSync(join(tmpdir(), 'fairlead-lambda-'));
const text = (answer: Answer): string => answer.chunks.map((chunk) => chunk.text).join('');

describe.skipIf(reason !== undefined)(`the Lambda door${reason ? `: ${reason}` : ''}`, () => {
  let runtime: LambdaRuntime;

  beforeAll(async () => {
    const entry = join(import.meta.dirname, '..', 'support', 'lambda-function.ts');
    runtime = await startLambdaRuntime(bundleLambda(entry, directory).directory);
  });
  beforeEach(() => vi.waitFor(() => expect(runtime.moments.at(-1)).toBe('next')));
  afterAll(async () => {
    await runtime.close();
    rmSync(directory, { recursive: true, force: true });
    rmSync(`${directory}.map`, { force: true });
  });

  test('sends status and headers ahead of the body, as a streamed response', async () => {
    const answer = await runtime.invoke(urlEvent('POST', '/stream'));
    expect(answer.mode).toBe('streaming');
    expect(answer.contentType).toBe('application/vnd.awslambda.http-integration-response');
    expect(answer.prelude).toEqual({
      statusCode: 200,
      headers: { 'content-type': 'text/event-stream', 'x-request-id': 'call-1' },
    });
  });

  test('hands chunks over one by one, when they come', async () => {
    const answer = await runtime.invoke(urlEvent('POST', '/stream'));
    expect(answer.chunks.map((chunk) => chunk.text)).toEqual([
      'data: 0\n\n',
      'data: 1\n\n',
      'data: 2\n\n',
      'data: 3\n\n',
    ]);
    const times = answer.chunks.map((chunk) => chunk.atMs);
    for (const [index, atMs] of times.entries()) {
      expect(atMs).toBeGreaterThan((times[index - 1] ?? 0) + 20);
    }
  });

  test('settles after the body has ended and before the next call is asked for', async () => {
    const from = runtime.moments.length;
    await runtime.invoke(urlEvent('GET', '/whole'));
    await runtime.invoke(urlEvent('GET', '/whole'));
    const moments = runtime.moments.slice(from).map((moment) => moment.split(' ')[0]);
    const once = ['given', 'began', 'chunk', 'ended', 'settled', 'next'];
    expect(moments.slice(0, once.length)).toEqual(once);
  });

  test('reports a fault in mid-stream in trailers, settled, and lives on', async () => {
    const from = runtime.moments.length;
    const answer = await runtime.invoke(urlEvent('POST', '/fault'));
    expect(answer.prelude.statusCode).toBe(200);
    expect(text(answer)).toBe('data: begun\n\n');
    expect(answer.trailers['lambda-runtime-function-error-type']).toBe('RangeError');
    const body = answer.trailers['lambda-runtime-function-error-body'] ?? '';
    expect(JSON.parse(Buffer.from(body, 'base64').toString())).toMatchObject({
      errorMessage: 'the source broke',
    });
    const moments = runtime.moments.slice(from);
    expect(moments.indexOf('settled')).toBeGreaterThan(0);
    expect(moments.indexOf('settled')).toBeLessThan(
      moments.findIndex((moment) => moment.startsWith('ended')),
    );
    const after = await runtime.invoke(urlEvent('GET', '/whole'));
    expect(after.prelude.statusCode).toBe(201);
    expect(runtime.alive()).toBe(true);
  });

  test.each(['/empty', '/silence'])('ends a response without a body: %s', async (path) => {
    const answer = await runtime.invoke(urlEvent('GET', path));
    expect(answer.prelude.statusCode).toBe(path === '/empty' ? 204 : 200);
    expect(answer.chunks).toEqual([]);
    expect(answer.trailers['lambda-runtime-function-error-type']).toBeUndefined();
  });

  test('carries sixteen megabytes through without a byte lost', async () => {
    const answer = await runtime.invoke(urlEvent('GET', '/large'));
    const total = answer.chunks.reduce((sum, chunk) => sum + chunk.bytes, 0);
    expect(total).toBe(64 * 256 * 1024);
  });

  test('reads method, path, query, headers and body as they were sent', async () => {
    const body = new Uint8Array([0, 255, 10, 195, 40]);
    const options = { query: 'a=%20b&c', headers: { 'x-api-key': 'k' }, body };
    const answer = await runtime.invoke(urlEvent('PUT', '/v1/models/a%2Fb', options), 5_000);
    const call = JSON.parse(text(answer));
    expect(call).toMatchObject({ method: 'PUT', path: '/v1/models/a%2Fb', query: 'a=%20b&c' });
    expect(call.headers['x-api-key']).toBe('k');
    expect(call.body).toBe(Buffer.from(body).toString('base64'));
    expect(call.processEndsAt - Date.now()).toBeLessThanOrEqual(5_000);
    expect(call.processEndsAt - Date.now()).toBeGreaterThan(0);
  });

  test('reads a text body as UTF-8, and no body as empty', async () => {
    const said = await runtime.invoke(urlEvent('POST', '/whole', { body: 'größer' }));
    expect(Buffer.from(JSON.parse(text(said)).body, 'base64').toString()).toBe('größer');
    const silent = await runtime.invoke(urlEvent('GET', '/whole'));
    expect(JSON.parse(text(silent)).body).toBe('');
  });
});
