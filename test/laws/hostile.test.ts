/** Law: no JSON that a caller or an upstream can send makes a format fall over. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ProblemError } from '../../lambdas/core/problem.ts';
import { type ChatFormat, UnreadableReply } from '../../lambdas/formats/format.ts';
import { chatFormats } from '../../lambdas/formats/registry.ts';
import { asks, replies } from '../support/arbitraries.ts';
import { grammarBreak } from '../support/grammar.ts';

const formats = [...chatFormats.values()];
const demand = { model: 'm', outputTokensMax: 4_096, quirks: {} };
const context = { callId: 'call-id', model: 'm', createdAt: 1, usageFrame: true };
const runs = { numRuns: 300 };

type Json = unknown;

/** The same value with one place in it replaced: nearly right is harder than wrong. */
function spoil(value: Json, steps: readonly number[], by: Json): Json {
  const [step, ...rest] = steps;
  if (step === undefined || typeof value !== 'object' || value === null) return by;
  const keys = Object.keys(value);
  const chosen = keys[step % Math.max(1, keys.length)];
  if (chosen === undefined) return by;
  const copy: Record<string, Json> & Json[] = structuredClone(value) as never;
  copy[chosen as never] = spoil((value as Record<string, Json>)[chosen], rest, by) as never;
  return copy;
}

const steps = fc.array(fc.nat({ max: 20 }), { minLength: 1, maxLength: 7 });
const wrong = fc.oneof(fc.jsonValue({ maxDepth: 2 }), fc.constantFrom(null, [], {}, '', -1, 1e300));

function expectOnly(kind: typeof ProblemError | typeof UnreadableReply, act: () => void): boolean {
  try {
    act();
    return true;
  } catch (error) {
    expect(error).toBeInstanceOf(kind);
    return false;
  }
}

function readAndWrite(format: ChatFormat, body: Json): void {
  expectOnly(ProblemError, () => {
    const ask = format.readAsk(body);
    format.patchAsk(ask, demand);
    for (const other of formats) JSON.stringify(other.writeAsk(ask, demand));
  });
}

describe.each(formats.map((format) => ({ name: format.name, format })))('$name', ({ format }) => {
  test('answers any JSON for a request with a problem, never a crash', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 4 }), (body) => readAndWrite(format, body)),
      runs,
    );
  });

  test('answers a request that is nearly right with a problem, or writes it anywhere', () => {
    fc.assert(
      fc.property(asks, steps, wrong, (ask, path, by) => {
        const { body } = format.writeAsk(ask, demand);
        readAndWrite(format, spoil(JSON.parse(JSON.stringify(body)), path, by));
      }),
      runs,
    );
  });

  test('reads any event, and ends its reply once', () => {
    const event = fc.record(
      { event: fc.string({ maxLength: 5 }), data: fc.oneof(fc.string(), fc.json({ maxDepth: 3 })) },
      { requiredKeys: ['data'] },
    );
    fc.assert(
      fc.property(fc.array(event), (events) => {
        const reader = format.readPieces({});
        expectOnly(UnreadableReply, () => {
          const pieces = [...events.flatMap((one) => reader.push(one)), ...reader.end()];
          expect(grammarBreak(pieces)).toBeUndefined();
        });
      }),
      runs,
    );
  });

  test('reads a stream that is nearly right, within the grammar', () => {
    fc.assert(
      fc.property(replies, fc.nat(), steps, wrong, (pieces, at, path, by) => {
        const writer = format.writePieces(context);
        const events = [...pieces.flatMap((piece) => writer.push(piece)), ...writer.end()];
        const chosen = at % events.length;
        const reader = format.readPieces({});
        expectOnly(UnreadableReply, () => {
          const read = events.flatMap((event, index) => {
            if (index !== chosen || event.data === '[DONE]') return reader.push(event);
            const data = JSON.stringify(spoil(JSON.parse(event.data), path, by));
            return reader.push({ ...event, data });
          });
          expect(grammarBreak([...read, ...reader.end()])).toBeUndefined();
        });
      }),
      runs,
    );
  });

  test('reads any whole reply, right, nearly right or wrong', () => {
    fc.assert(
      fc.property(replies, fc.boolean(), steps, wrong, (pieces, isNear, path, by) => {
        const body: Json = JSON.parse(JSON.stringify(format.writeWhole(pieces, context)));
        expectOnly(UnreadableReply, () => {
          const read = format.readWhole(isNear ? spoil(body, path, by) : by, {});
          expect(grammarBreak(read)).toBeUndefined();
        });
      }),
      runs,
    );
  });

  test('reads any error', () => {
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 599 }), wrong, fc.string(), (status, body, wait) => {
        const headers = { 'retry-after': wait, 'retry-after-ms': wait, date: wait };
        for (const one of [body, { error: body }, { error: { message: body, code: body } }]) {
          const read = format.readError(status, headers, one);
          expect(typeof read.message).toBe('string');
          expect(read.retryAfterMs ?? 0).toBeGreaterThanOrEqual(0);
        }
      }),
      runs,
    );
  });
});
