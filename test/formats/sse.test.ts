/** Framing of server-sent events, in every way that bytes can be cut. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { StreamEvent } from '../../lambdas/formats/format.ts';
import { UnreadableReply } from '../../lambdas/formats/format.ts';
import {
  createSseReader,
  eventBytesMax,
  lastEventBoundary,
  lineBytesMax,
  writeSse,
} from '../../lambdas/formats/sse.ts';

const encoder = new TextEncoder();

function read(text: string, chunkBytes = Number.POSITIVE_INFINITY): StreamEvent[] {
  const bytes = encoder.encode(text);
  const reader = createSseReader();
  const events: StreamEvent[] = [];
  const step = Math.min(chunkBytes, Math.max(1, bytes.length));
  for (let at = 0; at < bytes.length; at += step) {
    events.push(...reader.push(bytes.subarray(at, at + step)));
  }
  return [...events, ...reader.end()];
}

describe('the reader of server-sent events', () => {
  const events = [{ data: '{"a":"é😀"}' }, { event: 'ping', data: 'two\nlines' }, { data: '' }];

  test.each(['\n', '\r\n', '\r'])('reads events whose lines end in %j, cut anywhere', (lineEnd) => {
    const text = events.map(writeSse).join('').replaceAll('\n', lineEnd);
    for (const chunkBytes of [1, 2, 3, 5, 7, 1000]) expect(read(text, chunkBytes)).toEqual(events);
  });

  test('passes over a byte order mark, comments and fields it does not know', () => {
    const text = '\uFEFF: waiting\n\nid: 4\nretry: 10\nfoo\ndata:x\n\n:ok\n\ndata:  y\n\n';
    expect(read(text, 1)).toEqual([{ data: 'x' }, { data: ' y' }]);
  });

  test('gives at the end an event that lacks only its blank line', () => {
    expect(read('data: a\n\nevent: b\ndata: c\n')).toEqual([
      { data: 'a' },
      { event: 'b', data: 'c' },
    ]);
  });

  test('gives nothing of an event that was cut inside a line', () => {
    expect(read('data: a\n\ndata: {"half":')).toEqual([{ data: 'a' }]);
    expect(read('data: first line\ndata: seco')).toEqual([]);
  });

  test('gives no event for a name without data', () => {
    expect(read('event: ping\n\ndata: x\n\n')).toEqual([{ data: 'x' }]);
  });

  test('refuses a line beyond its limit, whole or in small chunks', () => {
    const long = `data: ${'x'.repeat(lineBytesMax)}`;
    expect(() => read(`${long}\n\n`)).toThrow(UnreadableReply);
    expect(() => read(long, 4096)).toThrow(UnreadableReply);
    const wide = `data: ${'€'.repeat(lineBytesMax / 3)}\n\n`;
    expect(() => read(wide)).toThrow(UnreadableReply);
  });

  test('takes a line of nearly the limit in one-byte chunks without slowing down', () => {
    const text = `data: ${'x'.repeat(200_000)}\n\n`;
    expect(read(text, 1)[0]?.data.length).toBe(200_000);
  });

  test('refuses an event beyond its limit though each line is within its own', () => {
    const line = `data: ${'x'.repeat(lineBytesMax - 100)}\n`;
    const lines = Math.ceil(eventBytesMax / lineBytesMax) + 1;
    expect(() => read(line.repeat(lines), 65_536)).toThrow(UnreadableReply);
  });

  test('reads back whatever the writer wrote', () => {
    const event = fc.record(
      { event: fc.stringMatching(/^[a-z_.]{1,12}$/), data: fc.string({ unit: 'binary' }) },
      { requiredKeys: ['data'] },
    );
    fc.assert(
      fc.property(fc.array(event), fc.integer({ min: 1, max: 9 }), (written, chunkBytes) => {
        // Line ends within data are one and the same to SSE; lone surrogates are not UTF-8.
        const wanted = written.map((one) => ({
          ...one,
          data: one.data.toWellFormed().replace(/\r\n?/g, '\n'),
        }));
        expect(read(written.map(writeSse).join(''), chunkBytes)).toEqual(wanted);
      }),
      { numRuns: 200 },
    );
  });
});

describe('the boundary after the last complete event', () => {
  test.each([
    ['', 0],
    ['data: a', 0],
    ['data: a\n', 0],
    ['data: a\n\n', 9],
    ['data: a\n\ndata: b\n', 9],
    ['data: a\r\n\r\ndata: b\r\n', 11],
    ['data: a\r\n\r', 0],
    ['data: a\r\rdata: b', 9],
    ['data: a\n\ndata: b\r\n\r\ndata', 20],
  ])('of %j is at byte %i', (text, boundary) => {
    expect(lastEventBoundary(encoder.encode(text))).toBe(boundary);
  });
});
