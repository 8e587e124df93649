/** Law: wherever an upstream stops, and however its bytes are cut, the reply ends exactly once. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Piece } from '../../lambdas/core/piece.ts';
import { problem } from '../../lambdas/core/problem.ts';
import type { ChatFormat } from '../../lambdas/formats/format.ts';
import { chatFormats } from '../../lambdas/formats/registry.ts';
import { createSseReader, lastEventBoundary, writeSse } from '../../lambdas/formats/sse.ts';
import { replies } from '../support/arbitraries.ts';
import { grammarBreak } from '../support/grammar.ts';
import { hear } from '../support/heard.ts';

const context = { callId: 'call-id', model: 'm', createdAt: 1, usageFrame: true };
const runs = { numRuns: 200 };

function bytesOf(format: ChatFormat, pieces: readonly Piece[]): Uint8Array {
  const writer = format.writePieces(context);
  const events = [...pieces.flatMap((piece) => writer.push(piece)), ...writer.end()];
  return new TextEncoder().encode(events.map(writeSse).join(''));
}

function read(format: ChatFormat, bytes: Uint8Array, chunkBytes: number): Piece[] {
  const framing = createSseReader();
  const reader = format.readPieces({});
  const pieces: Piece[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    const events = framing.push(bytes.subarray(at, at + chunkBytes));
    pieces.push(...events.flatMap((event) => reader.push(event)));
  }
  pieces.push(...framing.end().flatMap((event) => reader.push(event)));
  return [...pieces, ...reader.end(), ...reader.end()];
}

describe.each([...chatFormats].map(([name, format]) => ({ name, format })))('$name', (each) => {
  const { format } = each;

  test('reads the same from chunks of any size', () => {
    fc.assert(
      fc.property(replies, fc.integer({ min: 1, max: 40 }), (pieces, chunkBytes) => {
        const bytes = bytesOf(format, pieces);
        expect(read(format, bytes, chunkBytes)).toEqual(read(format, bytes, bytes.length));
      }),
      runs,
    );
  });

  test('ends once where the bytes end early, and has heard nothing that was not said', () => {
    fc.assert(
      fc.property(replies, fc.nat(), fc.integer({ min: 1, max: 64 }), (pieces, at, chunkBytes) => {
        const bytes = bytesOf(format, pieces);
        const whole = hear(read(format, bytes, bytes.length));
        const some = read(format, bytes.subarray(0, at % bytes.length), chunkBytes);
        expect(grammarBreak(some)).toBeUndefined();
        const heard = hear(some);
        expect(['error', whole.end]).toContain(heard.end);
        expect(whole.words.startsWith(heard.words)).toBe(true);
        expect(whole.thoughts.startsWith(heard.thoughts)).toBe(true);
      }),
      runs,
    );
  });

  test('ends once, in its problem, where an error breaks in', () => {
    const failed = problem('upstream_failed', 'It broke.');
    fc.assert(
      fc.property(replies, fc.nat(), (pieces, at) => {
        const writer = format.writePieces(context);
        const some = pieces.slice(0, at % pieces.length);
        const events = some.flatMap((piece) => writer.push(piece));
        const broken = [...events, ...format.writeStreamError(failed, 'call-id')];
        const reader = format.readPieces({});
        const heard = broken.flatMap((event) => reader.push(event));
        expect(reader.end()).toEqual([]);
        expect(grammarBreak(heard)).toBeUndefined();
        expect(heard.at(-1)).toMatchObject({ reason: 'error', problem: { code: failed.code } });
      }),
      runs,
    );
  });

  test('cut at its last boundary, a stream is whole events', () => {
    fc.assert(
      fc.property(replies, fc.nat(), (pieces, at) => {
        const bytes = bytesOf(format, pieces);
        const some = bytes.subarray(0, at % bytes.length);
        const framing = createSseReader();
        framing.push(some.subarray(0, lastEventBoundary(some)));
        expect(framing.end()).toEqual([]);
      }),
      runs,
    );
  });
});
