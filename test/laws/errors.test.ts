/** Law: every problem we can tell is told in each format, and understood by who reads it there. */
import { describe, expect, test } from 'vitest';
import {
  type ProblemCode,
  problem,
  problemKinds,
  type UpstreamProblem,
} from '../../lambdas/core/problem.ts';
import { chatFormats } from '../../lambdas/formats/registry.ts';

const formats = [...chatFormats.values()];
const codes = Object.keys(problemKinds) as ProblemCode[];

/** What a gateway behind a gateway may take each status for. */
function sensible(status: number): UpstreamProblem['class'][] {
  if ([401, 402, 403].includes(status)) return ['credential'];
  if (status === 429) return ['capacity', 'credential'];
  // Told to nobody, since whoever would read it has left.
  if (status === 499) return ['caller', 'health'];
  return status >= 500 ? ['health', 'capacity'] : ['caller'];
}

const told = formats.flatMap((format) => codes.map((code) => [format.name, code, format] as const));

describe('an error', () => {
  test.each(told)('in %s of code %s reads back as what it is', (_, code, format) => {
    const given = problem(code, 'This is what happened.', { param: 'messages.0.role' });
    const body: unknown = JSON.parse(JSON.stringify(format.writeError(given, 'call-id')));
    const read = format.readError(given.status, {}, body);
    expect(sensible(given.status)).toContain(read.class);
    expect(read.message).toBe(given.message);
    expect(read.status).toBe(given.status);
    expect(read.code).not.toBe('');
  });

  test.each(told)('in %s of code %s ends a stream that had begun', (_, code, format) => {
    const reader = format.readPieces({});
    const given = problem(code, 'This is what happened.');
    const events = format.writeStreamError(given, 'call-id');
    const pieces = [...events.flatMap((event) => reader.push(event)), ...reader.end()];
    expect(pieces.filter((piece) => piece.type === 'reply-end')).toHaveLength(1);
    expect(pieces.at(-1)).toMatchObject({ type: 'reply-end', reason: 'error' });
  });

  test.each(formats.map((format) => [format.name, format] as const))(
    'in %s never shows a secret of ours',
    (_, format) => {
      const secrets = [
        'sk-proj-abcdefghijkl0123',
        'Bearer abcdefghijklmnop',
        'AIzaSyA1234567890abcd',
      ];
      for (const secret of secrets) {
        const message = `The key ${secret} is not good.`;
        const body = { type: 'error', error: { type: 'authentication_error', message } };
        expect(format.readError(401, {}, body).message).not.toContain(secret);
      }
    },
  );

  test.each(formats.map((format) => [format.name, format] as const))(
    'in %s says how long to wait, in whichever way it is told',
    (_, format) => {
      const wait = (headers: Record<string, string>) =>
        format.readError(429, headers, {}).retryAfterMs;
      const date = 'Sat, 01 Nov 2025 10:00:00 GMT';
      expect(wait({ 'retry-after': '19', 'retry-after-ms': '18642' })).toBe(18_642);
      expect(wait({ 'retry-after': '19' })).toBe(19_000);
      expect(wait({ 'retry-after': 'Sat, 01 Nov 2025 10:00:30 GMT', date })).toBe(30_000);
      expect(wait({ 'retry-after': 'Sat, 01 Nov 2025 09:00:00 GMT', date })).toBe(0);
      expect(wait({ 'retry-after': 'soon' })).toBeUndefined();
    },
  );
});
