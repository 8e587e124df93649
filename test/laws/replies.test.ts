/** Law: what a model says reaches its hearer, in every format and through every pair of them. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Piece, StopReason } from '../../lambdas/core/piece.ts';
import {
  type ChatFormat,
  type ReplyContext,
  UnreadableReply,
} from '../../lambdas/formats/format.ts';
import { chatFormats } from '../../lambdas/formats/registry.ts';
import { replies } from '../support/arbitraries.ts';
import { grammarBreak } from '../support/grammar.ts';
import { type Heard, hear } from '../support/heard.ts';

const formats = [...chatFormats.values()];
const pairs = formats.flatMap((first) => formats.map((second) => [first, second] as const));
const runs = { numRuns: 150 };

const context: ReplyContext = {
  callId: 'call-id',
  model: 'asked-model',
  createdAt: 1_700_000_000,
  usageFrame: true,
};

function throughStream(format: ChatFormat, pieces: readonly Piece[]): Piece[] {
  const writer = format.writePieces(context);
  const reader = format.readPieces({});
  const events = [...pieces.flatMap((piece) => writer.push(piece)), ...writer.end()];
  return [...events.flatMap((event) => reader.push(event)), ...reader.end()];
}

function throughWhole(format: ChatFormat, pieces: readonly Piece[]): Piece[] {
  const body: unknown = JSON.parse(JSON.stringify(format.writeWhole(pieces, context)));
  try {
    return format.readWhole(body, {});
  } catch (error) {
    // In some formats a reply that failed is no reply, but an error like any other.
    const end = pieces.at(-1);
    const hasFailed = end?.type === 'reply-end' && end.reason === 'error';
    if (hasFailed && error instanceof UnreadableReply) return [{ type: 'reply-start' }, end];
    throw error;
  }
}

/** Where a format has no word for a reason, these are the nearest. */
const nearest: Record<StopReason, StopReason[]> = {
  stop: ['tool-calls', 'refusal'],
  'stop-sequence': ['stop', 'tool-calls', 'refusal'],
  length: [],
  'tool-calls': ['stop'],
  'content-filter': ['refusal', 'stop'],
  refusal: ['content-filter', 'stop', 'tool-calls'],
  pause: ['stop', 'tool-calls', 'refusal'],
  error: [],
};

function expectSame(said: Heard, heard: Heard): void {
  const { seals, cited, logprobs, usage, end, stopSequence, ...rest } = heard;
  const { words, thoughts, calls, model } = said;
  if (said.end === 'error') {
    // A reply that failed owes its hearer the failure, in so many words.
    expect(end).toBe('error');
    return;
  }
  expect(rest).toEqual({ words, thoughts, calls, model });
  expect([said.end, ...nearest[said.end ?? 'stop']]).toContain(end);
  if (stopSequence !== undefined) expect(stopSequence).toBe(said.stopSequence);
  // What only some formats know comes over whole and true, or not at all.
  for (const seal of seals) expect(said.seals).toContainEqual(seal);
  if (cited.length > 0) expect(cited).toEqual(said.cited);
  if (logprobs.length > 0) expect(logprobs).toEqual(said.logprobs);
  if (said.usage !== undefined) expect(usage).toEqual(said.usage);
}

describe.each(formats.map((format) => [format.name, format] as const))('%s', (_, format) => {
  test('gives back what was written as a stream', () => {
    fc.assert(
      fc.property(replies, (pieces) => {
        const read = throughStream(format, pieces);
        expect(grammarBreak(read)).toBeUndefined();
        expectSame(hear(pieces), hear(read));
      }),
      runs,
    );
  });

  test('gives back what was written whole', () => {
    fc.assert(
      fc.property(replies, (pieces) => {
        const read = throughWhole(format, pieces);
        expect(grammarBreak(read)).toBeUndefined();
        expectSame(hear(pieces), hear(read));
      }),
      runs,
    );
  });

  test('says the same streamed and whole', () => {
    fc.assert(
      fc.property(replies, (pieces) => {
        const streamed = hear(throughStream(format, pieces));
        const whole = hear(throughWhole(format, pieces));
        if (streamed.end !== 'error') expect(streamed).toEqual(whole);
        expect(streamed.end).toBe(whole.end);
      }),
      runs,
    );
  });

  test('writes a stream that its own hearer finds ended once, wherever the pieces stop', () => {
    fc.assert(
      fc.property(replies, fc.nat(), (pieces, at) => {
        const some = pieces.slice(0, at % pieces.length);
        const read = throughStream(format, some);
        expect(grammarBreak(read)).toBeUndefined();
        expect(hear(read).end).toBe('error');
        expect(hear(pieces).words.startsWith(hear(read).words)).toBe(true);
      }),
      runs,
    );
  });
});

describe.each(pairs.map(([first, second]) => [first.name, second.name, first, second] as const))(
  'an upstream of %s heard in %s',
  (_first, _second, upstream, caller) => {
    test('is heard as it spoke', () => {
      fc.assert(
        fc.property(replies, fc.boolean(), (pieces, streamed) => {
          const through = streamed ? throughStream : throughWhole;
          const spoken = through(upstream, pieces);
          const heard = through(caller, spoken);
          expect(grammarBreak(heard)).toBeUndefined();
          expectSame(hear(spoken), hear(heard));
        }),
        runs,
      );
    });
  },
);
