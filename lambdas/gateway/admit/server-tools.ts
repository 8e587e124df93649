/** Tools that the vendor itself runs, in a loop inside one call: what they can add to its cost. */
import type { ChatAsk } from '../../core/ask.ts';

export type ServerTool = {
  /** Its name in `Usage.requests` and in a price's `perPiece`. */
  name: string;
  /** Whether each use has a fee of its own, besides its tokens. */
  isBilledByPiece: boolean;
  usesMax: number;
};

/**
 * Anthropic's dated types; tools of other types are run by the caller and bounded like any text.
 */
const serverTypes: { pattern: RegExp; name: string; isBilledByPiece: boolean }[] = [
  { pattern: /^web_search_\d+$/, name: 'webSearch', isBilledByPiece: true },
  { pattern: /^web_fetch_\d+$/, name: 'webFetch', isBilledByPiece: true },
  { pattern: /^code_execution_\d+$/, name: 'codeExecution', isBilledByPiece: false },
];

/**
 * Held for where the caller does not cap the uses. The vendor bounds them only by its own patience,
 * so this is the one hold that a call could overrun: what exceeds it is booked as our loss
 * (decision 0003).
 */
const usesUnsaid = 5;

/** Each use feeds its result back to the model, so that uses bound what the call can cost. */
export function serverToolsIn(ask: ChatAsk): ServerTool[] {
  return ask.tools.flatMap((tool) => {
    if (tool.kind !== 'opaque') return [];
    const { type, max_uses: said } = tool.value as { type?: unknown; max_uses?: unknown };
    const known = serverTypes.find(({ pattern }) => pattern.test(String(type)));
    if (known === undefined) return [];
    const usesMax = typeof said === 'number' && Number.isSafeInteger(said) && said > 0;
    return [{ ...known, usesMax: usesMax ? said : usesUnsaid }];
  });
}
