/** Law: what a caller asks for reaches the upstream, or is named as left out. Never silently. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ChatAsk } from '../../lambdas/core/ask.ts';
import type { ChatFormat, UpstreamDemand, WrittenAsk } from '../../lambdas/formats/format.ts';
import { chatFormats } from '../../lambdas/formats/registry.ts';
import { asks } from '../support/arbitraries.ts';
import { type Feature, featuresOf } from '../support/features.ts';

const formats = [...chatFormats.values()];
const pairs = formats.flatMap((first) => formats.map((second) => [first, second] as const));
const demand: UpstreamDemand = { model: 'their-name', outputTokensMax: 64_000, quirks: {} };
const runs = { numRuns: 250 };

/** What an upstream would parse. */
function sent(written: WrittenAsk): Record<string, unknown> {
  return JSON.parse(JSON.stringify(written.body));
}

/**
 * Features of one ask that the other lacks and nothing owns up to. One name excuses one
 * loss of its kind, so that a dropped image does not cover for a lost message.
 */
function lostSilently(wanted: ChatAsk, got: ChatAsk, dropped: readonly string[]): string[] {
  const present = new Set(featuresOf(got).map((feature) => feature.what));
  const missing = featuresOf(wanted).filter((feature) => !present.has(feature.what));
  const groups = Map.groupBy(missing, (feature: Feature) => feature.named.source);
  return [...groups.values()].flatMap((features) => {
    const { named } = features[0] ?? { named: /$^/ };
    const names = new Set(dropped.filter((name) => named.test(name)));
    return features.length > names.size ? features.map((feature) => feature.what) : [];
  });
}

describe.each(formats.map((format) => ({ name: format.name, format })))('$name', ({ format }) => {
  test('carries every ask, or names what it leaves out', () => {
    fc.assert(
      fc.property(asks, (ask) => {
        const written = format.writeAsk(ask, demand);
        const read = format.readAsk(sent(written));
        expect(lostSilently(ask, read, written.dropped)).toEqual([]);
      }),
      runs,
    );
  });

  test('sends the model and the cap that were decided, and no others', () => {
    fc.assert(
      fc.property(asks, fc.integer({ min: 1, max: 64_000 }), (ask, outputTokensMax) => {
        const { body } = format.writeAsk(ask, { ...demand, outputTokensMax });
        const read = format.readAsk({ model: demand.model, ...JSON.parse(JSON.stringify(body)) });
        expect(read.model).toBe(demand.model);
        expect(read.outputTokensMax).toBe(outputTokensMax);
      }),
      runs,
    );
  });

  test('never asks for more output than was held, when it patches the caller', () => {
    fc.assert(
      fc.property(asks, fc.integer({ min: 1, max: 9_000 }), (ask, outputTokensMax) => {
        const caps = { ...demand, outputTokensMax: ask.outputTokensMax ?? outputTokensMax };
        const body = sent(format.writeAsk(ask, caps));
        const relayed = { ...demand, outputTokensMax };
        const patched = { ...body, ...format.patchAsk(format.readAsk(body), relayed) };
        const read = format.readAsk(JSON.parse(JSON.stringify(patched)));
        expect(read.model).toBe(demand.model);
        expect(read.outputTokensMax).toBe(Math.min(caps.outputTokensMax, outputTokensMax));
        expect(read.turns).toEqual(format.readAsk(body).turns);
      }),
      runs,
    );
  });

  test('leaves out what a provider refuses, and says so', () => {
    fc.assert(
      fc.property(asks, fc.nat(), (ask, at) => {
        const { body } = format.writeAsk(ask, demand);
        const needed = new Set(['model', 'messages', 'stream', 'stream_options', 'max_tokens']);
        const fields = Object.keys(body).filter((name) => !needed.has(name));
        const refused = fields[at % Math.max(1, fields.length)];
        if (refused === undefined) return;
        const quirks = { unsupported: [refused] };
        const written = format.writeAsk(ask, { ...demand, quirks });
        expect(written.body).not.toHaveProperty(refused);
        expect(written.dropped).toContain(refused);
      }),
      runs,
    );
  });
});

function translate(from: ChatFormat, to: ChatFormat, ask: ChatAsk): void {
  const asked = from.readAsk(sent(from.writeAsk(ask, demand)));
  const written = to.writeAsk(asked, demand);
  const arrived = to.readAsk(sent(written));
  expect(lostSilently(asked, arrived, written.dropped)).toEqual([]);
}

describe.each(pairs.map(([from, to]) => ({ caller: from.name, upstream: to.name, from, to })))(
  'asked in $caller of an upstream of $upstream',
  ({ from, to }) => {
    test('every ask arrives, or what is left out is named', () => {
      fc.assert(
        fc.property(asks, (ask) => translate(from, to, ask)),
        runs,
      );
    });
  },
);
