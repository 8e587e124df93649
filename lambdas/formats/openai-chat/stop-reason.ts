/** Why a reply ended: finish reasons of this format and its relatives, both ways. */
import type { StopReason } from '../../core/piece.ts';

const reasonOfFinish = new Map<string, StopReason>([
  ['stop', 'stop'],
  ['length', 'length'],
  ['model_length', 'length'],
  ['max_tokens', 'length'],
  ['tool_calls', 'tool-calls'],
  ['function_call', 'tool-calls'],
  ['content_filter', 'content-filter'],
  ['sensitive', 'content-filter'],
  ['refusal', 'refusal'],
  ['error', 'error'],
  ['network_error', 'error'],
  ['insufficient_system_resource', 'error'],
]);

type Said = { hasCalls: boolean; hasOnlyRefusal: boolean };

/** `stop` is vLLM's `stop_reason`: the string that stopped it. */
export function readStop(
  finish: string | undefined,
  stop: unknown,
  said: Said,
): { reason: StopReason; stopSequence?: string } {
  const reason = reasonOfFinish.get(finish ?? 'stop') ?? 'stop';
  if (reason !== 'stop') return { reason };
  // A call that was forced ends in `stop` at some, and it is a call all the same.
  if (said.hasCalls) return { reason: 'tool-calls' };
  if (said.hasOnlyRefusal) return { reason: 'refusal' };
  if (typeof stop === 'string' && stop !== '')
    return { reason: 'stop-sequence', stopSequence: stop };
  return { reason };
}

export function writeStop(reason: StopReason, hasRefusal: boolean): string {
  switch (reason) {
    case 'length':
      return 'length';
    case 'tool-calls':
      return 'tool_calls';
    case 'content-filter':
      return 'content_filter';
    case 'refusal':
      return hasRefusal ? 'stop' : 'content_filter';
    case 'error':
      return 'error';
    default:
      return 'stop';
  }
}
