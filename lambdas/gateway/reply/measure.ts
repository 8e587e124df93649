/** The measure of a reply: what its pieces say was used, how it ended, how much was passed on. */
import type { Piece } from '../../core/piece.ts';
import type { Problem } from '../../core/problem.ts';
import type { Measured } from '../values.ts';

export type Meter = {
  see(piece: Piece): void;
  /** Closes the measure; only the first word counts. */
  close(end: Measured['end'], problem?: Problem): Measured;
  readonly ended: boolean;
  /** The measure so far. */
  readonly soFar: Measured;
};

/** Taps the passing pieces. Keeps counts, never text. */
export function createMeter(): Meter {
  const measured: Measured = { end: 'complete', deliveredBytes: 0 };
  let closed = false;
  let ended = false;
  return {
    get ended() {
      return ended;
    },
    get soFar() {
      return measured;
    },
    see(piece) {
      switch (piece.type) {
        case 'reply-start':
          measured.answeredBy ??= piece.model;
          return;
        case 'text-delta':
        case 'refusal-delta':
        case 'reasoning-delta':
        case 'tool-call-delta':
          measured.deliveredBytes += Buffer.byteLength(piece.text);
          return;
        case 'usage':
          measured.usage = piece.usage;
          return;
        case 'reply-end':
          ended = true;
          measured.stopReason = piece.reason;
          measured.problem = piece.problem;
          return;
        default:
          return;
      }
    },
    close(end, problem) {
      if (!closed) {
        closed = true;
        measured.end = measured.stopReason === 'error' && end === 'complete' ? 'cut' : end;
        measured.problem ??= problem;
      }
      return measured;
    },
  };
}
