/** Usage as this format reports it: input without cache reads and writes, which stand apart. */
import type { Usage } from '../../core/usage.ts';
import { inputTokens, outputTokens } from '../../core/usage.ts';
import type { JsonRecord } from '../lenient.ts';
import { asCount, asRecord } from '../lenient.ts';

const requestsSuffix = '_requests';

/** Gives `undefined` for a block that reports nothing. */
export function readUsage(block: JsonRecord): Usage | undefined {
  if (Object.keys(block).length === 0) return undefined;
  const usage: Usage = { tokens: {}, raw: block };
  const { tokens } = usage;
  const input = asCount(block.input_tokens);
  if (input !== undefined) tokens.input = input;
  const cached = asCount(block.cache_read_input_tokens);
  if (cached !== undefined) tokens.cachedInput = cached;
  Object.assign(tokens, readCacheWrites(block));
  const output = asCount(block.output_tokens);
  if (output !== undefined) tokens.output = output;
  const reasoning = asCount(asRecord(block.output_tokens_details)?.thinking_tokens);
  if (reasoning !== undefined) usage.reasoning = reasoning;
  const requests = readRequests(block);
  if (requests !== undefined) usage.requests = requests;
  return usage;
}

/**
 * The split by lifetime can cover only the last step of a loop of searches, while the sum covers
 * them all. What the split does not name was written for five minutes, the default.
 */
function readCacheWrites(block: JsonRecord): Usage['tokens'] {
  const split = asRecord(block.cache_creation);
  const fiveMinutes = asCount(split?.ephemeral_5m_input_tokens);
  const oneHour = asCount(split?.ephemeral_1h_input_tokens);
  const sum = asCount(block.cache_creation_input_tokens);
  if (sum === undefined) {
    return {
      ...(fiveMinutes === undefined ? {} : { cacheWrite5m: fiveMinutes }),
      ...(oneHour === undefined ? {} : { cacheWrite1h: oneHour }),
    };
  }
  if (oneHour === undefined) return { cacheWrite5m: sum };
  const counted = Math.min(oneHour, sum);
  return { cacheWrite5m: sum - counted, cacheWrite1h: counted };
}

/** `web_search_requests` becomes `webSearch`, and so for whatever is billed by the piece next. */
function readRequests(block: JsonRecord): Record<string, number> | undefined {
  const counts = Object.entries(asRecord(block.server_tool_use) ?? {}).flatMap(([name, value]) => {
    const count = asCount(value);
    if (count === undefined || !name.endsWith(requestsSuffix)) return [];
    const stem = name.slice(0, -requestsSuffix.length);
    return [[stem.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()), count]];
  });
  return counts.length === 0 ? undefined : Object.fromEntries(counts);
}

/** The later report wins, field by field; `null` reports nothing. */
export function mergeUsage(earlier: JsonRecord, later: JsonRecord): JsonRecord {
  const merged = { ...earlier };
  for (const [name, value] of Object.entries(later)) {
    if (value !== null && value !== undefined) merged[name] = value;
  }
  return merged;
}

/** Audio has no class of its own here: it counts as input and output like any other. */
export function writeUsage(usage: Usage | undefined, costUsd: string | undefined): JsonRecord {
  // The exact amount is the string; the number is what clients of OpenRouter look for.
  const cost = costUsd === undefined ? {} : { cost: Number(costUsd), cost_usd: costUsd };
  // Clients read `output_tokens` without asking whether it is there.
  if (usage === undefined) return { output_tokens: 0, ...cost };
  const { cachedInput, cacheWrite5m, cacheWrite1h } = usage.tokens;
  const written: JsonRecord = {};
  const apart = (cachedInput ?? 0) + (cacheWrite5m ?? 0) + (cacheWrite1h ?? 0);
  written.input_tokens = inputTokens(usage) - apart;
  if (cacheWrite5m !== undefined || cacheWrite1h !== undefined) {
    written.cache_creation_input_tokens = (cacheWrite5m ?? 0) + (cacheWrite1h ?? 0);
    written.cache_creation = {
      ephemeral_5m_input_tokens: cacheWrite5m ?? 0,
      ephemeral_1h_input_tokens: cacheWrite1h ?? 0,
    };
  }
  if (cachedInput !== undefined) written.cache_read_input_tokens = cachedInput;
  written.output_tokens = outputTokens(usage);
  if (usage.reasoning !== undefined) {
    written.output_tokens_details = { thinking_tokens: usage.reasoning };
  }
  const requests = Object.entries(usage.requests ?? {}).map(([name, count]) => {
    const stem = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return [`${stem}${requestsSuffix}`, count];
  });
  if (requests.length > 0) written.server_tool_use = Object.fromEntries(requests);
  return { ...written, ...cost };
}
