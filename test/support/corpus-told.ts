/** What a recorded reply says, read straight from the recording, apart from the product's readers. */
import type { Usage } from '../../lambdas/core/usage.ts';
import type { Exchange, Raw } from './corpus.ts';
import { chunksOf, quirksOf } from './corpus.ts';

export type Call = { name: string; input: unknown };
export type StopClass = 'stop' | 'length' | 'tools' | 'filtered';
export type Told = {
  text: string;
  reasoning: string;
  calls: Call[];
  stop: StopClass;
  /** Total input and output tokens; absent where the recording reports none. */
  usage?: { input: number; output: number };
  /** The stream carries an error: nothing else about it is compared. */
  failed?: boolean;
};

export function toldBy(exchange: Exchange): Told {
  const told = exchange.endpoint === 'messages' ? byMessages(exchange) : byChat(exchange);
  const tokens = tokensOf(exchange);
  if (tokens === undefined) return told;
  const { output = 0, outputAudio = 0, ...inputs } = tokens;
  const input = Object.values(inputs).reduce((sum, count) => sum + count, 0);
  return { ...told, usage: { input, output: output + outputAudio } };
}

/** Token classes by the rules of the recordings' own notes. */
export function tokensOf(exchange: Exchange): Usage['tokens'] | undefined {
  return exchange.endpoint === 'messages' ? messagesTokens(exchange) : chatTokens(exchange);
}

/** A recording may hold several replies in a row: the first is the one that a call gets. */
function firstMessage(exchange: Exchange): Raw[] {
  const events = chunksOf(exchange.response.sse ?? '');
  const stop = events.findIndex((event) => event.type === 'message_stop');
  return stop === -1 ? events : events.slice(0, stop + 1);
}

function byMessages(exchange: Exchange): Told {
  const { response } = exchange;
  if (response.kind === 'json') return ofMessage(response.json);
  const blocks: Raw[] = [];
  let stopReason = 'end_turn';
  let failed = false;
  for (const event of firstMessage(exchange)) {
    if (event.type === 'content_block_start') blocks[event.index] = { ...event.content_block };
    if (event.type === 'message_delta') stopReason = event.delta.stop_reason ?? stopReason;
    if (event.type === 'error') failed = true;
    if (event.type !== 'content_block_delta') continue;
    const block = blocks[event.index];
    const { delta } = event;
    if (delta.type === 'text_delta') block.text += delta.text;
    if (delta.type === 'thinking_delta') block.thinking += delta.thinking;
    if (delta.type === 'input_json_delta') block.json = (block.json ?? '') + delta.partial_json;
  }
  for (const block of blocks) if (block?.json) block.input = parsed(block.json);
  const told = ofMessage({ content: blocks.filter(Boolean), stop_reason: stopReason });
  return failed ? { ...told, failed } : told;
}

function ofMessage(message: Raw): Told {
  const of = (type: string): Raw[] => message.content.filter((block: Raw) => block.type === type);
  const stops: Record<string, StopClass> = {
    max_tokens: 'length',
    model_context_window_exceeded: 'length',
    tool_use: 'tools',
    refusal: 'filtered',
  };
  return {
    text: of('text')
      .map((block) => block.text)
      .join(''),
    reasoning: of('thinking')
      .map((block) => block.thinking)
      .join(''),
    calls: of('tool_use').map(({ name, input }) => ({ name, input })),
    stop: stops[message.stop_reason] ?? 'stop',
  };
}

function messagesTokens(exchange: Exchange): Usage['tokens'] | undefined {
  let block: Raw;
  if (exchange.response.kind === 'json') block = exchange.response.json.usage;
  else {
    for (const event of firstMessage(exchange)) {
      if (event.type === 'message_start') block ??= { ...event.message.usage };
      if (event.type === 'message_delta') block = { ...block, ...event.usage };
    }
  }
  if (!block) return undefined;
  const written = block.cache_creation_input_tokens;
  const hour = block.cache_creation?.ephemeral_1h_input_tokens;
  return known({
    input: block.input_tokens,
    cachedInput: block.cache_read_input_tokens,
    cacheWrite5m: written === undefined ? undefined : written - (hour ?? 0),
    cacheWrite1h: hour,
    output: block.output_tokens,
  });
}

function byChat(exchange: Exchange): Told {
  const { response } = exchange;
  const told: Told = { text: '', reasoning: '', calls: [], stop: 'stop' };
  const calls: Raw[] = [];
  let finish: string | undefined;
  let refused = false;
  for (const part of response.kind === 'json' ? [response.json] : chunksOf(response.sse ?? '')) {
    if (part.error) told.failed = true;
    const choice = part.choices?.find((one: Raw) => (one.index ?? 0) === 0);
    if (!choice) continue;
    finish = choice.finish_reason ?? finish;
    const said = choice.delta ?? choice.message ?? {};
    told.text += textIn(said.content);
    told.reasoning += reasoningIn(said);
    if (said.refusal) refused = true;
    told.text += said.refusal ?? '';
    gatherCalls(calls, said);
  }
  told.calls = calls.filter(Boolean).map(({ name, json }) => ({ name, input: parsed(json) }));
  told.stop = stopOf(finish, told.calls.length > 0, refused);
  return told;
}

function textIn(content: Raw): string {
  if (!Array.isArray(content)) return content ?? '';
  return content
    .filter((part) => part.type === 'text')
    .map((part) => part.text)
    .join('');
}

function reasoningIn(said: Raw): string {
  const details = (said.reasoning_details ?? []).map((one: Raw) => one.text ?? one.summary ?? '');
  const thoughts = (Array.isArray(said.content) ? said.content : [])
    .filter((part: Raw) => part.type === 'thinking')
    .flatMap((part: Raw) => part.thinking)
    .map((thought: Raw) => thought.text ?? thought);
  return details.join('') || said.reasoning_content || said.reasoning || thoughts.join('');
}

/** Mistral and others send whole calls without an index; OpenAI sends them in parts by index. */
function gatherCalls(calls: Raw[], said: Raw): void {
  const legacy = said.function_call ? [{ index: 0, function: said.function_call }] : [];
  (said.tool_calls ?? legacy).forEach((call: Raw, place: number) => {
    const index = call.index ?? (call.id ? calls.length : place);
    const known = calls[index];
    const isNew = known === undefined || (call.id && known.id && call.id !== known.id);
    const at = isNew && known !== undefined ? calls.length : index;
    calls[at] ??= { id: call.id, name: '', json: '' };
    const given = call.function ?? call.custom ?? {};
    calls[at].name ||= given.name ?? '';
    const text = given.arguments ?? given.input ?? '';
    calls[at].json += typeof text === 'string' ? text : JSON.stringify(text);
  });
}

function stopOf(finish: string | undefined, hasCalls: boolean, refused: boolean): StopClass {
  if (finish === 'length') return 'length';
  if (finish === 'content_filter') return 'filtered';
  if (hasCalls || finish === 'tool_calls' || finish === 'function_call') return 'tools';
  return refused ? 'filtered' : 'stop';
}

function chatTokens(exchange: Exchange): Usage['tokens'] | undefined {
  const { response, provider } = exchange;
  const parts = response.kind === 'json' ? [response.json] : chunksOf(response.sse ?? '');
  const blocks = parts.map((part) => part.usage ?? part.x_groq?.usage).filter(Boolean);
  const block = blocks.at(-1);
  if (block?.prompt_tokens === undefined) return undefined;
  const inside = block.prompt_tokens_details ?? {};
  const outside = block.completion_tokens_details ?? {};
  const prompt = block.prompt_tokens;
  const total = block.total_tokens ?? 0;
  let completion = block.completion_tokens ?? 0;
  const reasoning = outside.reasoning_tokens ?? block.reasoning_tokens ?? 0;
  const beyond = total - prompt - completion;
  // xAI leaves reasoning out of the completion; Vercel's gateway where it is the larger of the two.
  if (quirksOf(provider).reasoningOutsideOutput && (beyond > 0 || reasoning > completion)) {
    completion += reasoning;
  }
  const cached =
    inside.cached_tokens ??
    block.cached_tokens ??
    block.prompt_cache_hit_tokens ??
    block.num_cached_tokens;
  // Grok on Azure counts more as cached than was asked.
  const cachedInput = cached == null ? undefined : Math.min(cached, prompt);
  const written = inside.cache_write_tokens ?? block.cache_creation_input_tokens;
  // OpenRouter with Gemini can name the same tokens as written and as read.
  const cacheWrite5m = written == null ? undefined : Math.min(written, prompt - (cachedInput ?? 0));
  const audio = inside.audio_tokens ?? undefined;
  const rest = prompt - (cachedInput ?? 0) - (cacheWrite5m ?? 0) - (audio ?? 0);
  return known({
    // Mistral counts sound beside its prompt.
    input: audio > 0 && beyond === audio ? rest + audio : rest,
    cachedInput,
    cacheWrite5m,
    inputAudio: audio,
    output: completion - (outside.audio_tokens ?? 0),
    outputAudio: outside.audio_tokens ?? undefined,
  });
}

function known(tokens: Raw): Usage['tokens'] {
  return Object.fromEntries(
    Object.entries(tokens).filter(([, count]) => count !== undefined && count !== null),
  );
}

/** Arguments as an object; none are an empty one. */
function parsed(text: string): unknown {
  if (text === '') return {};
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return text;
  }
}
