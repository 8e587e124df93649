import { describe, expect, test } from 'vitest';
import type { Piece } from '../../lambdas/core/piece.ts';
import { createSseReader } from '../../lambdas/formats/sse.ts';
import type { Exchange } from '../support/corpus.ts';
import {
  describeFault,
  exchangesOf,
  formatOf,
  hasCorpus,
  quirksOf,
  Tally,
} from '../support/corpus.ts';
import { tokensOf } from '../support/corpus-told.ts';

/** Recordings whose usage cannot be read as it stands, each with the reason. */
const known: Record<string, string> = {};

function piecesOf(exchange: Exchange): Piece[] {
  const format = formatOf(exchange);
  const quirks = quirksOf(exchange.provider);
  const { kind, json, sse = '' } = exchange.response;
  if (kind === 'json') return format.readWhole(json, quirks);
  const framing = createSseReader();
  const reader = format.readPieces(quirks);
  const events = [...framing.push(Buffer.from(sse)), ...framing.end()];
  return [...events.flatMap((event) => reader.push(event)), ...reader.end()];
}

function faultsOf(exchange: Exchange): string[] {
  const pieces = piecesOf(exchange);
  const usages = pieces.filter((piece) => piece.type === 'usage');
  const wanted = tokensOf(exchange);
  const got = usages[0]?.usage.tokens;
  const sorted = (tokens: typeof got) => tokens && Object.entries(tokens).sort();
  return [
    ...(usages.length > 1 ? ['more than one usage piece'] : []),
    ...describeFault('tokens', sorted(wanted), sorted(got)),
    ...describeFault('last piece', 'reply-end', pieces.at(-1)?.type),
  ];
}

describe.skipIf(!hasCorpus)('recorded usage', () => {
  test('is read class by class as the provider reported it', () => {
    const tally = new Tally(known);
    for (const exchange of exchangesOf('chat', 'messages')) {
      if (exchange.response.status !== 200) continue;
      tally.add(exchange, 'usage', faultsOf(exchange));
    }
    console.log(tally.table('Usage, by provider/endpoint/kind'));
    expect(tally.misses).toEqual([]);
    expect(tally.staleKnown).toEqual([]);
  });
});
