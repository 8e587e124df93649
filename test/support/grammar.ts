/** The grammar of pieces as a test: says what breaks it, or nothing. */
import type { Piece } from '../../lambdas/core/piece.ts';

export function grammarBreak(pieces: readonly Piece[]): string | undefined {
  if (pieces[0]?.type !== 'reply-start') return 'does not begin with reply-start';
  if (pieces.at(-1)?.type !== 'reply-end') return 'does not end with reply-end';
  for (const type of ['reply-start', 'reply-end', 'usage'] as const) {
    if (pieces.filter((piece) => piece.type === type).length > 1) return `more than one ${type}`;
  }
  return blockBreak(pieces);
}

function blockBreak(pieces: readonly Piece[]): string | undefined {
  const begun = new Set<number>();
  const calls = new Set<number>();
  let newest = -1;
  let last: number | undefined;
  for (const piece of pieces) {
    if (!('block' in piece)) continue;
    const { block } = piece;
    if (piece.type === 'tool-call-start') {
      if (begun.has(block)) return `call ${block} begins in a block that has begun`;
      calls.add(block);
    } else if (piece.type === 'tool-call-delta' && !calls.has(block)) {
      return `call ${block} goes on before it begins`;
    }
    if (!begun.has(block)) {
      if (block <= newest) return `block ${block} begins after block ${newest}`;
      newest = block;
      begun.add(block);
    } else if (block !== last && !isAmongCalls(block, last, calls)) {
      return `block ${block} goes on after block ${last}`;
    }
    last = block;
  }
  return undefined;
}

function isAmongCalls(block: number, last: number | undefined, calls: Set<number>): boolean {
  return calls.has(block) && last !== undefined && calls.has(last);
}
