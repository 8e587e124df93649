/** Why a reply ended, in this format's words and in ours. */
import type { StopReason } from '../../core/piece.ts';

const read: Record<string, StopReason> = {
  end_turn: 'stop',
  max_tokens: 'length',
  model_context_window_exceeded: 'length',
  stop_sequence: 'stop-sequence',
  tool_use: 'tool-calls',
  pause_turn: 'pause',
  refusal: 'refusal',
};

/** A reason that is not known yet still ended the reply in good order. */
export function readStopReason(word: string): StopReason {
  return Object.hasOwn(read, word) ? (read[word] ?? 'stop') : 'stop';
}

const written: Record<StopReason, string> = {
  stop: 'end_turn',
  'stop-sequence': 'stop_sequence',
  length: 'max_tokens',
  'tool-calls': 'tool_use',
  'content-filter': 'refusal',
  refusal: 'refusal',
  pause: 'pause_turn',
  error: 'end_turn',
};

export function writeStopReason(reason: StopReason): string {
  return written[reason];
}
