/** What simulated providers say and when they fail: fixed rules, so that a run can be repeated. */
import { asList, asRecord, asText, type JsonRecord } from '../../formats/lenient.ts';

export type SimulatedProvider = {
  name: string;
  format: 'openai-chat' | 'anthropic-messages';
  firstTokenMs: number;
  tokensPerSecond: number;
  /** Every so many calls fail as overloaded, before a byte of an answer. */
  overloadedEvery?: number;
  /** Every so many streams break off in the middle. */
  cutEvery?: number;
};

/** A quick one that is often overloaded, a slow one that rarely breaks off, and one in between. */
export const simulatedProviders: readonly SimulatedProvider[] = [
  {
    name: 'simulated-north',
    format: 'openai-chat',
    firstTokenMs: 40,
    tokensPerSecond: 120,
    overloadedEvery: 5,
  },
  {
    name: 'simulated-south',
    format: 'openai-chat',
    firstTokenMs: 250,
    tokensPerSecond: 40,
    cutEvery: 12,
  },
  {
    name: 'simulated-east',
    format: 'anthropic-messages',
    firstTokenMs: 90,
    tokensPerSecond: 80,
    overloadedEvery: 7,
  },
];

export const simulatedModels = ['simulated-small', 'simulated-large'] as const;

export type Fault = 'overloaded' | 'cut';

/** The fault of a provider's nth call, counted from one. */
export function faultOf(provider: SimulatedProvider, nth: number): Fault | undefined {
  const { overloadedEvery, cutEvery } = provider;
  if (overloadedEvery !== undefined && nth % overloadedEvery === 0) return 'overloaded';
  return cutEvery !== undefined && nth % cutEvery === 0 ? 'cut' : undefined;
}

export type OfferedTool = { name: string; schema: unknown };

/** What was asked, as far as a simulation cares. */
export type SimulatedAsk = {
  model: string;
  stream: boolean;
  usageFrame: boolean;
  outputTokensMax: number;
  /** The text of the last turn. */
  prompt: string;
  afterTool: boolean;
  tools: OfferedTool[];
  /** A tool that must be called: its name, or any. */
  mustCall?: string | 'any';
  neverCall: boolean;
  inputTokens: number;
};

export type SimulatedReply = {
  id: string;
  createdAt: number;
  model: string;
  words: string[];
  tool?: { id: string; name: string; arguments: string };
  /** The cap was reached. */
  cutShort: boolean;
  inputTokens: number;
  outputTokens: number;
  usageFrame: boolean;
};

const wordsMax = 20_000;
const quotedCharsMax = 160;
const charsPerToken = 4;

export function estimateTokens(...values: unknown[]): number {
  const chars = values.reduce<number>(
    (sum, value) => sum + (value === undefined ? 0 : JSON.stringify(value).length),
    0,
  );
  return Math.ceil(chars / charsPerToken);
}

/** Composes the answer: a tool call where one is asked for, words otherwise. */
export function composeReply(provider: SimulatedProvider, ask: SimulatedAsk, nth: number) {
  const tool = toolToCall(ask);
  const reply: SimulatedReply = {
    id: `simulated-${nth}-${Date.now().toString(36)}`,
    createdAt: Math.floor(Date.now() / 1000),
    model: ask.model,
    words: [],
    cutShort: false,
    inputTokens: ask.inputTokens,
    outputTokens: 0,
    usageFrame: ask.usageFrame,
  };
  if (tool !== undefined) {
    const input = JSON.stringify(sampleOf(tool.schema, ask.prompt, 0));
    reply.tool = { id: `call_simulated_${nth}`, name: tool.name, arguments: input };
    reply.outputTokens = Math.min(ask.outputTokensMax, estimateTokens(tool.name, input));
    return reply;
  }
  const words = wordsOf(provider, ask);
  reply.words = words.slice(0, ask.outputTokensMax);
  reply.cutShort = reply.words.length < words.length;
  reply.outputTokens = reply.words.length;
  return reply;
}

function wordsOf(provider: SimulatedProvider, ask: SimulatedAsk): string[] {
  const quoted = ask.prompt.slice(0, quotedCharsMax).trim();
  const text =
    `This is a simulated reply from ${provider.name}, playing ${ask.model}: ` +
    `no language model was asked. ` +
    (ask.afterTool ? `The tool answered: ${quoted}` : `You wrote: ${quoted}`);
  const words = text.split(/\s+/).filter((word) => word !== '');
  const wanted = /\b(\d{1,5}) words\b/.exec(ask.prompt)?.[1];
  if (wanted === undefined) return words;
  const count = Math.min(Number(wanted), wordsMax);
  while (words.length < count) words.push(`word-${words.length + 1}`);
  return words.slice(0, count);
}

/** A tool is called where it must be, or where the prompt speaks of it and no answer is there. */
function toolToCall(ask: SimulatedAsk): OfferedTool | undefined {
  if (ask.afterTool || ask.neverCall) return undefined;
  const [first] = ask.tools;
  if (ask.mustCall === 'any') return first;
  if (ask.mustCall !== undefined) return ask.tools.find((tool) => tool.name === ask.mustCall);
  const named = ask.tools.find((tool) => ask.prompt.includes(tool.name));
  return named ?? (/\btools?\b/i.test(ask.prompt) ? first : undefined);
}

const depthMax = 6;

/** A value that fits a JSON schema, as far as its types and required fields say. */
function sampleOf(schema: unknown, prompt: string, depth: number): unknown {
  const shape: JsonRecord = asRecord(schema) ?? {};
  const [allowed] = asList(shape.enum);
  if (allowed !== undefined) return allowed;
  if (shape.const !== undefined) return shape.const;
  const type = asText(shape.type) ?? asText(asList(shape.type)[0]);
  if (type === 'number' || type === 'integer') return 1;
  if (type === 'boolean') return true;
  if (type === 'null') return null;
  if (type === 'array') return depth < depthMax ? [sampleOf(shape.items, prompt, depth + 1)] : [];
  if (type === 'object' || depth === 0) {
    const fields: JsonRecord = asRecord(shape.properties) ?? {};
    const required = asList(shape.required).map(String);
    return Object.fromEntries(
      Object.entries(depth < depthMax ? fields : {})
        .filter(([name]) => required.includes(name))
        .map(([name, field]) => [name, sampleOf(field, prompt, depth + 1)]),
    );
  }
  return prompt.slice(0, quotedCharsMax);
}

/** The texts of a message's content, whichever way it is written. */
export function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return asList(content)
    .map((part) => asRecord(part))
    .map((part) => asText(part?.text) ?? (part?.content === undefined ? '' : textOf(part.content)))
    .join(' ');
}
