/** How hard to think, in the words that a model of its age understands. */
import type { ChatAsk, Reasoning } from '../../core/ask.ts';
import type { JsonRecord } from '../lenient.ts';
import {
  adaptiveSince,
  claudeVersion,
  samplersUntil,
  thinkingBudgetMax,
  thinkingBudgetMin,
} from './names.ts';

export type WrittenReasoning = { thinking?: JsonRecord; effort?: string };

/** Efforts as the vendors name them, and the share of the output cap that each may think. */
const efforts: Record<string, { effort: string; share: number }> = {
  minimal: { effort: 'low', share: 0.1 },
  low: { effort: 'low', share: 0.2 },
  medium: { effort: 'medium', share: 0.5 },
  high: { effort: 'high', share: 0.8 },
  xhigh: { effort: 'xhigh', share: 0.9 },
  max: { effort: 'max', share: 0.95 },
};
const shareDefault = 0.5;

export function writeReasoning(
  ask: ChatAsk,
  model: string,
  outputTokensMax: number,
  dropped: string[],
): WrittenReasoning {
  const { reasoning } = ask;
  if (reasoning === undefined) return {};
  const version = claudeVersion(model);
  if (!reasoning.enabled) return withoutThinking(reasoning, version, dropped);
  const wantsBudget = reasoning.budgetTokens !== undefined && reasoning.effort === undefined;
  if (version >= samplersUntil || (version >= adaptiveSince && !wantsBudget)) {
    return adaptive(reasoning, version, dropped);
  }
  const forced = ask.toolChoice?.type === 'required' || ask.toolChoice?.type === 'tool';
  if (forced && ask.tools.length > 0) {
    // A forced tool and a budget exclude each other; the tool is what the caller relies on.
    dropped.push('reasoning');
    return {};
  }
  return budgeted(reasoning, outputTokensMax, dropped);
}

function withoutThinking(
  reasoning: Reasoning,
  version: number,
  dropped: string[],
): WrittenReasoning {
  const disabled = { thinking: { type: 'disabled' } };
  if (reasoning.effort === undefined || reasoning.effort === 'none') return disabled;
  const effort = writeEffort(reasoning.effort, version, dropped);
  // Effort without a word on thinking leaves it as the model has it; no budget means none.
  const off = reasoning.budgetTokens === 0 ? disabled : {};
  return effort === undefined ? off : { ...off, effort };
}

function adaptive(reasoning: Reasoning, version: number, dropped: string[]): WrittenReasoning {
  const written: WrittenReasoning = { thinking: { type: 'adaptive', ...display(reasoning) } };
  if (reasoning.budgetTokens !== undefined) dropped.push('reasoning.max_tokens');
  if (reasoning.effort === undefined) return written;
  const effort = writeEffort(reasoning.effort, version, dropped);
  return effort === undefined ? written : { ...written, effort };
}

function budgeted(
  reasoning: Reasoning,
  outputTokensMax: number,
  dropped: string[],
): WrittenReasoning {
  const share = efforts[reasoning.effort ?? '']?.share ?? shareDefault;
  const wanted =
    reasoning.budgetTokens ?? Math.min(Math.floor(outputTokensMax * share), thinkingBudgetMax);
  const budget = Math.min(Math.max(wanted, thinkingBudgetMin), outputTokensMax - 1);
  if (budget < thinkingBudgetMin) {
    dropped.push('reasoning');
    return {};
  }
  return { thinking: { type: 'enabled', budget_tokens: budget, ...display(reasoning) } };
}

function writeEffort(wanted: string, version: number, dropped: string[]): string | undefined {
  const effort = efforts[wanted]?.effort;
  if (effort === undefined) dropped.push('reasoning_effort');
  // Models that still take samplers know four levels only.
  if (effort !== 'xhigh' || version >= samplersUntil) return effort;
  dropped.push('reasoning_effort');
  return 'high';
}

function display(reasoning: Reasoning): { display?: string } {
  const { display: value } = reasoning;
  return value === 'summarized' || value === 'omitted' ? { display: value } : {};
}
