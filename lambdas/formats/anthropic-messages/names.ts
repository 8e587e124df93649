/** Words that the parts of this format share, and what its models of each age understand. */

export const formatName = 'anthropic-messages';
/** Whose seals and file ids these are; other formats that carry Claude use the same name. */
export const vendor = 'anthropic';

/**
 * The version in a model's name as a number that sorts: `claude-opus-4-6` and
 * `anthropic/claude-opus-4.6` give 406, `claude-3-5-haiku-20241022` gives 305. A name without
 * one counts as newest, since the newest models are the strictest.
 */
export function claudeVersion(model: string): number {
  const match =
    /claude-(?:[a-z]+-)?(\d{1,2})(?:[-.](\d{1,2}))?(?!\d)/.exec(model) ??
    /claude-(?:instant-)?v?(\d)\b/.exec(model);
  if (match === null) return Number.POSITIVE_INFINITY;
  return Number(match[1]) * 100 + Number(match[2] ?? 0);
}

/** From here on `temperature` and `top_p` exclude each other. */
export const oneSamplerSince = 401;
/** From here on thinking is adaptive and led by `output_config.effort`. */
export const adaptiveSince = 406;
/** From here on `temperature`, `top_p`, `top_k`, and thinking budgets are refused. */
export const samplersUntil = 407;

export const thinkingBudgetMin = 1024;
export const thinkingBudgetMax = 32_000;
