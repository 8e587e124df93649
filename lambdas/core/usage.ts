/** How much of a model was used: disjoint token classes as an upstream reported them. */

/**
 * Every token stands in exactly one class, so a cost is a plain sum. Readers of formats whose
 * input count includes cached tokens (OpenAI) subtract them; others (Anthropic) do not need to.
 */
export const tokenClasses = [
  'input',
  'cachedInput',
  'cacheWrite5m',
  'cacheWrite1h',
  'inputAudio',
  'output',
  'outputAudio',
] as const;

export type TokenClass = (typeof tokenClasses)[number];

export type Usage = {
  /** `undefined` = not reported; `0` = reported none. */
  tokens: Partial<Record<TokenClass, number>>;
  /** Reasoning tokens, already counted inside `output`. */
  reasoning?: number;
  /** Things billed by the piece, such as `webSearch`. */
  requests?: Record<string, number>;
  /** The upstream's own block, kept for the receipt. */
  raw: unknown;
};

const inputClasses: readonly TokenClass[] = [
  'input',
  'cachedInput',
  'cacheWrite5m',
  'cacheWrite1h',
  'inputAudio',
];

type Counted = { tokens: Usage['tokens'] };

export function inputTokens(usage: Counted): number {
  let total = 0;
  for (const name of inputClasses) total += usage.tokens[name] ?? 0;
  return total;
}

export function outputTokens(usage: Counted): number {
  return (usage.tokens.output ?? 0) + (usage.tokens.outputAudio ?? 0);
}
