import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spliceTopLevel } from '../../lambdas/core/splice.ts';

const splice = (text: string, changes: Record<string, unknown>): string =>
  Buffer.from(spliceTopLevel(Buffer.from(text), changes)).toString();

const fold = (name: string): string => name.toUpperCase().toLowerCase();

/** Texts that a scanner could stumble over. */
const nastyText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('"', '\\', '{', '}', '[', ']', ',', ':', ' ', 'é', '😀') }),
  fc.string({ minLength: 20, maxLength: 60, unit: fc.constantFrom('\\', '"', 'x') }),
);
const name = fc.oneof(
  fc.constantFrom('model', 'Model', 'max_tokens', 'stream', 'STREAM', '', '__proto__', 'ſtream'),
  nastyText,
);
const value = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom(null, true, false, 0, -1.5e-7, 1e30),
    nastyText,
    fc.array(tie('node'), { maxLength: 3 }),
    fc.dictionary(nastyText, tie('node'), { maxKeys: 3, noNullPrototype: true }),
  ),
})).node;
const space = fc.string({ unit: fc.constantFrom(' ', '\n', '\t', '\r'), maxLength: 2 });

type Written = { name: string; text: string; keyText: string };
/** A member as somebody may have written it: any spacing, any letter of its name escaped. */
const member: fc.Arbitrary<Written> = fc
  .tuple(name, value, fc.boolean(), fc.tuple(space, space, space, space))
  .map(([key, content, escaped, [a, b, c, d]]) => {
    const hex = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
    const keyText = escaped ? `"${key.split('').map(hex).join('')}"` : JSON.stringify(key);
    return { name: key, keyText, text: `${a}${keyText}${b}:${c}${JSON.stringify(content)}${d}` };
  });
const written = fc.array(member, { maxLength: 6 });
const changes = fc
  .array(fc.tuple(name, fc.option(value, { nil: undefined })), { maxLength: 3 })
  .filter((entries) => new Set(entries.map(([key]) => fold(key))).size === entries.length)
  .map((entries) => Object.fromEntries(entries));

const textOf = (members: readonly Written[], before = '', after = ''): string =>
  `${before}{${members.map((each) => each.text).join(',')}${members.length === 0 ? ' ' : ''}}${after}`;

/** Keys that a change speaks of, in any case, give way to the change; the rest stays. */
function expected(text: string, changed: Record<string, unknown>): Map<string, unknown> {
  const folded = new Set(Object.keys(changed).map(fold));
  const result = new Map<string, unknown>();
  for (const [key, content] of Object.entries(JSON.parse(text))) {
    if (!folded.has(fold(key))) result.set(key, content);
  }
  for (const [key, content] of Object.entries(changed)) {
    if (content !== undefined) result.set(key, JSON.parse(JSON.stringify(content)));
  }
  return result;
}

describe('spliceTopLevel', () => {
  it('reads like parsing, changing and writing again', () => {
    fc.assert(
      fc.property(written, changes, space, space, (members, changed, before, after) => {
        const text = textOf(members, before, after);
        const result = splice(text, changed);
        expect(new Map(Object.entries(JSON.parse(result)))).toEqual(expected(text, changed));
      }),
      { numRuns: 1_000 },
    );
  });

  it('leaves one member of each changed name, in the place of the last one', () => {
    fc.assert(
      fc.property(written, changes, (spaced, changed) => {
        const members = spaced.map(({ name: key, keyText, text }) => {
          const content = text.slice(text.indexOf(keyText) + keyText.length).replace(/^\s*:/, '');
          return { name: key, keyText, text: `${keyText}:${content.trim()}` };
        });
        const folded = new Set(Object.keys(changed).map(fold));
        const texts = new Map(Object.entries(changed).map(([k, v]) => [k, JSON.stringify(v)]));
        const last = (key: string) => members.findLast((each) => each.name === key);
        const stay = members.flatMap((each) => {
          if (!folded.has(fold(each.name))) return [each.text];
          const text = last(each.name) === each ? texts.get(each.name) : undefined;
          return text === undefined ? [] : [`${each.keyText}:${text}`];
        });
        const added = [...texts]
          .filter(([key, text]) => text !== undefined && last(key) === undefined)
          .map(([key, text]) => `${JSON.stringify(key)}:${text}`);
        const compact = `{${members.map((each) => each.text).join(',')}}`;
        expect(splice(compact, changed)).toBe(`{${[...added, ...stay].join(',')}}`);
      }),
      { numRuns: 500 },
    );
  });

  it('keeps every byte of the members it was not asked to change, and their order', () => {
    fc.assert(
      fc.property(written, changes, (members, changed) => {
        const folded = new Set(Object.keys(changed).map(fold));
        const result = splice(textOf(members), changed);
        let from = 0;
        for (const each of members.filter((one) => !folded.has(fold(one.name)))) {
          const at = result.indexOf(each.text.trim(), from);
          expect(at).toBeGreaterThanOrEqual(from);
          from = at + each.text.trim().length;
        }
      }),
    );
  });

  it('changes nothing at all where nothing is to change', () => {
    fc.assert(
      fc.property(written, space, (members, before) => {
        const text = textOf(members, before, '\n');
        expect(splice(text, {})).toBe(text);
      }),
    );
  });

  it.each([
    ['{"model":"a","x":1}', { model: 'b' }, '{"model":"b","x":1}'],
    ['{ "x" : 1 }', { model: 'b' }, '{"model":"b", "x" : 1 }'],
    ['{ }', { model: 'b' }, '{"model":"b" }'],
    ['{"n":1,"x":2}', { n: undefined }, '{"x":2}'],
    ['{"x":2, "n":1}', { n: undefined }, '{"x":2}'],
    ['{"n":1}', { n: undefined }, '{}'],
    ['{"n":1,"n":2}', { n: undefined, m: 3 }, '{"m":3}'],
    ['{"model":"a","x":1,"model":"b"}', { model: 'c' }, '{"x":1,"model":"c"}'],
    ['{"mod\\u0065l":"a","x":1}', { model: 'c' }, '{"mod\\u0065l":"c","x":1}'],
    ['{"Model":"dear","model":"cheap"}', { model: 'c' }, '{"model":"c"}'],
    ['{"model":"cheap","MAX_TOKENS":9}', { max_tokens: 1 }, '{"max_tokens":1,"model":"cheap"}'],
    ['{"a":{"model":"in"},"model":"out"}', { model: 'c' }, '{"a":{"model":"in"},"model":"c"}'],
  ])('splices %s with %j', (text, changed, result) => {
    expect(splice(text, changed)).toBe(result);
  });

  const guarded = new Set(['model', 'max_tokens', 'stream']);
  const guard = (text: string, changed: Record<string, unknown> = {}): string =>
    Buffer.from(spliceTopLevel(Buffer.from(text), changed, guarded)).toString();

  it('leaves of a guarded name the one member that parsing sees, in no other case', () => {
    fc.assert(
      fc.property(written, space, (members, before) => {
        const text = textOf(members, before);
        const result = guard(text);
        const seen = Object.entries(JSON.parse(text));
        const kept = seen.filter(([key]) => guarded.has(key) || !guarded.has(fold(key)));
        expect(new Map(Object.entries(JSON.parse(result)))).toEqual(new Map(kept));
        const names = members.map((each) => fold(each.name)).filter((key) => guarded.has(key));
        const isClean =
          new Set(names).size === names.length &&
          members.every((each) => guarded.has(each.name) || !guarded.has(fold(each.name)));
        if (isClean) expect(result).toBe(text);
        expect(guard(result)).toBe(result);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['{"max_tokens":9,"MAX_TOKENS":8,"max_tokens":1}', {}, '{"max_tokens":1}'],
    ['{"stream":true,"x":1,"stream":false}', { model: 'c' }, '{"model":"c","x":1,"stream":false}'],
    ['{"Stream":true}', {}, '{}'],
    ['{"max_tokens":9,"max_tokens":1}', { max_tokens: 5 }, '{"max_tokens":5}'],
    ['{"x":1,"X":2,"x":3}', {}, '{"x":1,"X":2,"x":3}'],
  ])('guards %s with %j', (text, changed, result) => {
    expect(guard(text, changed)).toBe(result);
  });

  it('works on a view into a larger buffer without touching it', () => {
    const buffer = Buffer.from('xxx{"model":"a"}yyy');
    const result = spliceTopLevel(buffer.subarray(3, 16), { model: 'b' });
    expect(Buffer.from(result).toString()).toBe('{"model":"b"}');
    expect(buffer.toString()).toBe('xxx{"model":"a"}yyy');
  });

  it('costs far less than writing 200 kB of messages again', () => {
    const content = 'A line with an "accent" — é — and a\nbreak.\n'.repeat(45);
    const messages = Array.from({ length: 100 }, () => ({ role: 'user', content }));
    const body = Buffer.from(JSON.stringify({ messages, model: 'a', max_tokens: 5 }));
    expect(body.byteLength).toBeGreaterThan(200_000);
    const time = (work: () => unknown): number => {
      const times = Array.from({ length: 60 }, () => {
        const began = performance.now();
        work();
        return performance.now() - began;
      });
      return times.sort((a, b) => a - b)[30] ?? 0;
    };
    const spliced = time(() => spliceTopLevel(body, { model: 'b', max_tokens: 4 }));
    const rewritten = time(() => Buffer.from(JSON.stringify(JSON.parse(body.toString()))));
    expect(spliced).toBeLessThan(rewritten / 3);
  });
});
