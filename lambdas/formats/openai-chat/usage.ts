/** Usage as Chat Completions words it, with the ways of those who speak it almost. */
import type { Quirks } from '../../core/policy.ts';
import { inputTokens, outputTokens, type Usage } from '../../core/usage.ts';
import { asCount, asRecord, type JsonRecord } from '../lenient.ts';

/** `prompt_tokens` includes what was cached: the classes are taken out of it, never below zero. */
export function readUsage(value: unknown, quirks: Quirks): Usage | undefined {
  const block = asRecord(value);
  if (block === undefined) return undefined;
  const prompt = asCount(block.prompt_tokens);
  const completion = asCount(block.completion_tokens);
  if (prompt === undefined && completion === undefined) return undefined;
  const usage: Usage = { tokens: {}, raw: block };
  if (prompt !== undefined) readInput(usage, block, prompt);
  if (completion !== undefined) readOutput(usage, block, completion, quirks);
  const tools = asRecord(block.server_tool_use_details);
  const searches = asCount(tools?.web_search_requests);
  if (searches) usage.requests = { webSearch: searches };
  const sources = asCount(block.num_sources_used);
  if (sources) usage.requests = { ...usage.requests, source: sources };
  return usage;
}

function readInput(usage: Usage, block: JsonRecord, prompt: number): void {
  const details = asRecord(block.prompt_tokens_details) ?? {};
  const audio = asCount(details.audio_tokens);
  // Mistral counts sound beside the prompt, and only its total says so.
  const isAudioBeside =
    audio !== undefined &&
    asCount(block.total_tokens) === prompt + audio + (asCount(block.completion_tokens) ?? 0);
  let rest = prompt + (isAudioBeside ? audio : 0);
  function take(count: number | undefined): number | undefined {
    if (count === undefined) return undefined;
    const taken = Math.min(count, rest);
    rest -= taken;
    return taken;
  }
  const { tokens } = usage;
  const cached =
    asCount(details.cached_tokens) ??
    asCount(block.cached_tokens) ??
    asCount(block.prompt_cache_hit_tokens) ??
    asCount(block.cache_read_input_tokens) ??
    asCount(block.num_cached_tokens);
  const written = asCount(details.cache_write_tokens) ?? asCount(block.cache_creation_input_tokens);
  const classes = {
    cachedInput: take(cached),
    cacheWrite5m: take(written),
    inputAudio: take(audio),
  };
  tokens.input = rest;
  for (const name of ['cachedInput', 'cacheWrite5m', 'inputAudio'] as const) {
    if (classes[name] !== undefined) tokens[name] = classes[name];
  }
}

function readOutput(usage: Usage, block: JsonRecord, completion: number, quirks: Quirks): void {
  const details = asRecord(block.completion_tokens_details) ?? {};
  const reasoning = asCount(details.reasoning_tokens) ?? asCount(block.reasoning_tokens);
  const beside = quirks.reasoningOutsideOutput ? reasoningBeside(block, completion, reasoning) : 0;
  const all = completion + beside;
  const audio = asCount(details.audio_tokens);
  const ofAudio = audio === undefined ? 0 : Math.min(audio, all);
  usage.tokens.output = all - ofAudio;
  if (audio !== undefined) usage.tokens.outputAudio = ofAudio;
  if (reasoning !== undefined) usage.reasoning = Math.min(reasoning, all);
}

/** How much reasoning stands outside the completion count; the total, where given, decides. */
function reasoningBeside(
  block: JsonRecord,
  completion: number,
  reasoning: number | undefined,
): number {
  const total = asCount(block.total_tokens);
  const beyond = total === undefined ? 0 : total - (asCount(block.prompt_tokens) ?? 0) - completion;
  if (reasoning === undefined) return Math.max(0, beyond);
  // Reasoning that would fit within the completion, in a total that leaves no more room, is within.
  return beyond === 0 && total !== undefined && reasoning <= completion ? 0 : reasoning;
}

/** Puts the classes together again, as this format's readers expect them. */
export function writeUsage(usage: Usage, costUsd: string | undefined): JsonRecord {
  const { tokens } = usage;
  const prompt = inputTokens(usage);
  const completion = outputTokens(usage);
  const written =
    tokens.cacheWrite5m === undefined && tokens.cacheWrite1h === undefined
      ? undefined
      : (tokens.cacheWrite5m ?? 0) + (tokens.cacheWrite1h ?? 0);
  const promptDetails = reported({
    cached_tokens: tokens.cachedInput,
    cache_write_tokens: written,
    audio_tokens: tokens.inputAudio,
  });
  const completionDetails = reported({
    reasoning_tokens: usage.reasoning,
    audio_tokens: tokens.outputAudio,
  });
  return {
    prompt_tokens: prompt,
    completion_tokens: completion,
    total_tokens: prompt + completion,
    ...(promptDetails && { prompt_tokens_details: promptDetails }),
    ...(completionDetails && { completion_tokens_details: completionDetails }),
    // The exact amount is the string; the number is what clients of OpenRouter look for.
    ...(costUsd !== undefined && { cost: Number(costUsd), cost_usd: costUsd }),
  };
}

function reported(counts: Record<string, number | undefined>): JsonRecord | undefined {
  const known = Object.entries(counts).filter(([, count]) => count !== undefined);
  return known.length === 0 ? undefined : Object.fromEntries(known);
}
