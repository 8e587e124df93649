/** Tools that the vendor itself runs, in a loop inside one call: what they can add to its cost. */
import type { ChatAsk } from '../../core/ask.ts';
import { refuse } from '../../core/problem.ts';

export type ServerTool = {
  /** Its name in `Usage.requests` and in a price's `perPiece`. */
  name: string;
  /** How often the vendor may run it, by the caller's own word. */
  usesMax: number;
};

/** Anthropic's dated types; tools of other types are run by the caller and bounded like any text. */
const serverTypes: [type: RegExp, name: string][] = [
  [/^web_search_\d+$/, 'webSearch'],
  [/^web_fetch_\d+$/, 'webFetch'],
  [/^code_execution_\d+$/, 'codeExecution'],
];

/**
 * Each use feeds its result back to the model, so that only the caller's own cap on uses bounds
 * what the call can cost. Throws a `ProblemError` (400) where there is none.
 */
export function serverToolsIn(ask: ChatAsk): ServerTool[] {
  return ask.tools.flatMap((tool, index) => {
    if (tool.kind !== 'opaque') return [];
    const { type, max_uses: usesMax } = tool.value as { type?: unknown; max_uses?: unknown };
    const name = serverTypes.find(([pattern]) => pattern.test(String(type)))?.[1];
    if (name === undefined) return [];
    if (typeof usesMax !== 'number' || !Number.isSafeInteger(usesMax) || usesMax < 1) {
      const message = `Say \`max_uses\` of \`${type}\`: without it the call has no upper bound.`;
      return refuse('unsupported', message, { param: `tools.${index}.max_uses` });
    }
    return [{ name, usesMax }];
  });
}
