/** A reply as whoever hears it would sum it up, whatever blocks and deltas it came in. */
import type { Citation, Piece, ReasoningSeal, TokenLogprob } from '../../lambdas/core/piece.ts';
import { inputTokens, outputTokens } from '../../lambdas/core/usage.ts';

export type Heard = {
  model: string | undefined;
  /** What was said, refusals included: a format without refusals says them as text. */
  words: string;
  thoughts: string;
  seals: ReasoningSeal[];
  cited: (string | undefined)[];
  logprobs: TokenLogprob[];
  calls: { id: string; name: string; arguments: unknown }[];
  usage: { input: number; cached: number; written: number; output: number } | undefined;
  end: (Piece & { type: 'reply-end' })['reason'] | undefined;
  stopSequence: string | undefined;
};

export function hear(pieces: readonly Piece[]): Heard {
  const texts = new Map<number, string>();
  for (const piece of pieces) {
    if (piece.type !== 'tool-call-delta') continue;
    texts.set(piece.block, (texts.get(piece.block) ?? '') + piece.text);
  }
  const of = <T extends Piece['type']>(type: T) =>
    pieces.filter((piece): piece is Extract<Piece, { type: T }> => piece.type === type);
  const end = of('reply-end')[0];
  return {
    model: of('reply-start')[0]?.model,
    words: join([...of('text-delta'), ...of('refusal-delta')]),
    thoughts: join(of('reasoning-delta')),
    seals: of('reasoning-seal').map((piece) => piece.seal),
    cited: of('citation').map((piece) => urlOf(piece.citation)),
    logprobs: of('logprobs').flatMap((piece) => piece.logprobs.map(plain)),
    calls: of('tool-call-start').map(({ id, name, block }) => {
      return { id, name, arguments: parse(texts.get(block) ?? '') };
    }),
    usage: sumUp(of('usage')[0]),
    end: end?.reason,
    stopSequence: end?.stopSequence,
  };
}

function join(pieces: { text: string }[]): string {
  return pieces.map((piece) => piece.text).join('');
}

function urlOf(citation: Citation): string | undefined {
  return citation.url;
}

/** Alternatives that were not asked for are none. */
function plain({ token, logprob }: TokenLogprob): TokenLogprob {
  return { token, logprob };
}

/** No arguments and an empty object are the same call; one cut short is no JSON. */
function parse(text: string): unknown {
  if (text === '') return {};
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function sumUp(piece: (Piece & { type: 'usage' }) | undefined): Heard['usage'] {
  if (piece === undefined) return undefined;
  const { tokens } = piece.usage;
  return {
    input: inputTokens(piece.usage),
    cached: tokens.cachedInput ?? 0,
    written: (tokens.cacheWrite5m ?? 0) + (tokens.cacheWrite1h ?? 0),
    output: outputTokens(piece.usage),
  };
}
