/** What an ask asks for, as a list: each with the names that stand for it when it is left out. */
import type { ChatAsk, MediaSource, Part, Turn } from '../../lambdas/core/ask.ts';

export type Feature = {
  /** The same text on both sides means that nothing was lost. */
  what: string;
  /** Names in `dropped` that own up to its loss. */
  named: RegExp;
};

/** A place that is left out: a turn, a part of one, a tool. What is attached goes with it. */
const place = String.raw`^(messages|system|input|contents|turns|tools)\.\d+(\.\w+\.\d+)?$`;
const left = {
  place: new RegExp(place),
  thought: new RegExp(`${place}|reasoning|thinking`),
  name: new RegExp(`${place}|name|title`),
  context: new RegExp(`${place}|context`),
  mark: new RegExp(`${place}|cache`),
  failure: /error/i,
};

export function featuresOf(ask: ChatAsk): Feature[] {
  return [
    ...ask.turns.flatMap(turnFeatures),
    ...toolFeatures(ask),
    ...samplingFeatures(ask),
    ...restFeatures(ask),
  ];
}

function feature(named: RegExp, ...what: unknown[]): Feature {
  return { what: what.map((one) => JSON.stringify(one)).join(' '), named };
}

function turnFeatures(turn: Turn): Feature[] {
  const speaker = turn.role === 'developer' ? 'system' : turn.role;
  const features = turn.parts.flatMap((part) => partFeatures(part, speaker));
  if ('name' in turn && turn.name !== undefined)
    features.push(feature(left.name, 'name', turn.name));
  if (turn.role !== 'tool') return features;
  const { toolCallId, isError, cache } = turn;
  features.push(feature(left.place, 'result of', toolCallId));
  if (isError) features.push(feature(left.failure, 'error in', toolCallId));
  if (cache !== undefined) features.push(feature(left.mark, 'mark on result', toolCallId));
  return features;
}

function partFeatures(part: Part, speaker: string): Feature[] {
  const features: Feature[] = [];
  if (part.type === 'text') features.push(feature(left.place, speaker, 'says', part.text));
  if (part.type === 'image') features.push(feature(left.place, 'image', mediaOf(part.source)));
  if (part.type === 'audio') features.push(feature(left.place, 'audio', mediaOf(part.source)));
  if (part.type === 'file') {
    const { source, context } = part;
    // A plain text document may as well be said.
    if (source.kind === 'text') features.push(feature(left.place, speaker, 'says', source.text));
    else features.push(feature(left.place, 'file', mediaOf(source)));
    if (part.name !== undefined) features.push(feature(left.name, 'file name', part.name));
    if (context !== undefined) features.push(feature(left.context, 'file context', context));
  }
  if (part.type === 'tool-call') {
    const { id, name, text } = part;
    features.push(feature(left.place, 'call', id, name, JSON.parse(text || '{}')));
  }
  if (part.type === 'reasoning') {
    features.push(feature(left.thought, 'thought', part.text, part.seal?.value));
  }
  if ('cache' in part && part.cache !== undefined) {
    const marked = part.type === 'text' ? part.text : part.type;
    features.push(feature(left.mark, 'mark', marked, part.cache.ttl ?? '5m'));
  }
  return features;
}

function mediaOf(source: MediaSource): string {
  if (source.kind === 'url') return source.url;
  return source.kind === 'base64' ? `${source.mediaType} ${source.data}` : source.kind;
}

function toolFeatures(ask: ChatAsk): Feature[] {
  const features: Feature[] = [];
  for (const tool of ask.tools) {
    features.push(feature(left.place, 'tool', tool.name));
    if (tool.kind !== 'function') continue;
    const { name, description, parameters, strict, cache } = tool;
    features.push(feature(left.place, 'described', name, description));
    features.push(feature(left.place, 'takes', name, parameters));
    if (strict) features.push(feature(left.place, 'strict', name));
    if (cache !== undefined) features.push(feature(left.mark, 'mark on tool', name));
  }
  if (ask.tools.length === 0) return features;
  const choice = ask.toolChoice?.type ?? 'auto';
  // What is so anyway need not be said.
  if (choice !== 'auto') features.push(feature(/^tool_?(choice|config)/i, 'choice', choice));
  if (ask.parallelToolCalls === false && choice !== 'none') {
    features.push(feature(/parallel/i, 'one call at a time'));
  }
  return features;
}

function samplingFeatures(ask: ChatAsk): Feature[] {
  const { stop, ...rest } = ask.sampling;
  const names: [keyof typeof rest, RegExp][] = [
    ['temperature', /^temperature$/],
    ['topP', /^top_?p$/i],
    ['topK', /^top_?k$/i],
    ['frequencyPenalty', /^frequency_?penalty$/i],
    ['presencePenalty', /^presence_?penalty$/i],
    ['seed', /^seed$/],
    ['logitBias', /^logit_?bias$/i],
  ];
  const features = names
    .filter(([name]) => rest[name] !== undefined)
    .map(([name, named]) => feature(named, name, rest[name]));
  for (const one of stop ?? []) features.push(feature(/^stop/, 'stop', one));
  return features;
}

function restFeatures(ask: ChatAsk): Feature[] {
  const features = [feature(/^stream$/, 'stream', ask.stream)];
  const { reasoning, responseFormat, choices = 1, logprobs } = ask;
  const told: [RegExp, string, unknown][] = [
    [/^n$|choices|candidate/i, 'choices', choices > 1 ? choices : undefined],
    [/logprobs/i, 'logprobs', logprobs?.top],
    [/^user$|user_id/, 'user', ask.user],
    [/^metadata/, 'metadata', ask.metadata],
    [/^service_?tier$/i, 'tier', ask.serviceTier],
    // How hard to think is said in many ways, all of them rough; whether to is not.
    [/reasoning|thinking|effort/i, 'thinks', reasoning?.enabled],
  ];
  for (const [named, what, value] of told) {
    if (value !== undefined) features.push(feature(named, what, value));
  }
  if (responseFormat !== undefined && responseFormat.type !== 'text') {
    const schema = responseFormat.type === 'json-schema' ? responseFormat.schema : undefined;
    features.push(feature(/^(response_?format|output|text)/i, responseFormat.type, schema));
  }
  for (const [name, value] of Object.entries(ask.extras)) {
    features.push(feature(new RegExp(`^${name}`), 'extra', name, value));
  }
  return features;
}
