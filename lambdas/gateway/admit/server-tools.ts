/** Tools that the vendor itself runs, in a loop inside one call: what they can add to its cost. */
import type { ChatAsk } from '../../core/ask.ts';
import type { Need } from './priced-features.ts';

export type ServerTool = {
  /** Where the ask says so. */
  param: string;
  /** Its name in `Usage.requests` and in a price's `perPiece`. */
  name: string;
  /** Whether each use has a fee of its own, besides its tokens. */
  isBilledByPiece: boolean;
  usesMax: number;
};

/**
 * Types, without their date, that the caller runs and that are bounded like any text. A search for
 * tools is the vendor's own, but finds only what stands in the request already.
 */
const withoutCost =
  /^(?:custom|bash|text_editor|computer|memory|mcp_toolset|tool_search_tool_\w+)$/;
/** Run by the vendor for their tokens alone. Any other type is taken to have a fee. */
const withoutFee = new Set(['code_execution']);

/**
 * Held for where the caller does not cap the uses. The vendor bounds them only by its own patience,
 * so this is the one hold that a call could overrun: what exceeds it is booked as our loss
 * (decision 0003).
 */
const usesUnsaid = 5;

/** Each use feeds its result back to the model, so that uses bound what the call can cost. */
export function serverToolsIn(ask: ChatAsk): ServerTool[] {
  const found = ask.tools.flatMap((tool, index): ServerTool[] => {
    if (tool.kind !== 'opaque') return [];
    const { type, max_uses: said } = tool.value as { type?: unknown; max_uses?: unknown };
    const stem = stemOf(String(type));
    if (withoutCost.test(stem)) return [];
    const isCapped = typeof said === 'number' && Number.isSafeInteger(said) && said > 0;
    return [
      {
        param: `tools.${index}`,
        name: stem.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
        isBilledByPiece: !withoutFee.has(stem),
        usesMax: isCapped ? said : usesUnsaid,
      },
    ];
  });
  const { mcp_servers: servers } = ask.extras;
  if (servers === undefined || (Array.isArray(servers) && servers.length === 0)) return found;
  const remote = { name: 'mcp', isBilledByPiece: false, usesMax: usesUnsaid };
  return [...found, { param: 'mcp_servers', ...remote }];
}

/** `web_search_20250305` and `openrouter:web_search` are both a `web_search`. */
function stemOf(type: string): string {
  return type.replace(/^[a-z]+:/, '').replace(/_\d{8}$/, '');
}

/** A fee for each use must have a rate. */
export function toolNeeds(tools: readonly ServerTool[]): Need[] {
  return tools
    .filter(({ isBilledByPiece }) => isBilledByPiece)
    .map(({ param, name, usesMax }) => ({
      param,
      rate: { of: 'pieces', name, countMax: usesMax },
    }));
}
