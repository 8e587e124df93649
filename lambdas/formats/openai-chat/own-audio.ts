/** Spoken replies: only this format knows them, so they pass as they came. */
import type { Piece } from '../../core/piece.ts';
import { asRecord, type JsonRecord } from '../lenient.ts';
import { formatName } from './read-turns.ts';

export function ownAudio(piece: Piece & { type: 'opaque' }): JsonRecord | undefined {
  if (piece.format !== formatName) return undefined;
  const audio = asRecord(asRecord(piece.value)?.audio);
  return audio === undefined ? undefined : { audio };
}
