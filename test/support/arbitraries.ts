/** Generated asks and replies: whatever a caller may ask and a model may say, in core's words. */
import fc from 'fast-check';
import type { ChatAsk, Part, Sampling, TextPart, Tool, Turn } from '../../lambdas/core/ask.ts';
import type { Piece, ReasoningSeal, StopReason } from '../../lambdas/core/piece.ts';
import type { Usage } from '../../lambdas/core/usage.ts';

/** Text with a visible letter at either end: some formats refuse blank text, or trim it. */
export const words = fc
  .string({ unit: 'grapheme', maxLength: 12 })
  .map((text) => `a${text.toWellFormed()}z`);
const identifier = fc.stringMatching(/^[a-z][a-z0-9_]{0,10}$/);
const base64 = fc.uint8Array({ minLength: 1, maxLength: 9 }).map((bytes) => toBase64(bytes));
const argumentsText = fc
  .dictionary(identifier, fc.oneof(words, fc.integer(), fc.boolean(), fc.constant(null)))
  .map((value) => JSON.stringify(value));

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64');
}

function maybe<T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> {
  return fc.option(arbitrary, { nil: undefined });
}

/** Only the fields that have a value, so that `undefined` never stands for one. */
function given<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined)) as T;
}

const cache = fc.constantFrom(
  { type: 'ephemeral' } as const,
  {
    type: 'ephemeral',
    ttl: '1h',
  } as const,
);
const textPart: fc.Arbitrary<TextPart> = fc
  .record({ text: words, cache: maybe(cache) })
  .map((part) => given({ type: 'text' as const, ...part }));
const image = fc.oneof(
  base64.map((data) => ({ kind: 'base64' as const, mediaType: 'image/png', data })),
  identifier.map((name) => ({ kind: 'url' as const, url: `https://example.com/${name}.png` })),
);
const document = fc.oneof(
  base64.map((data) => ({ kind: 'base64' as const, mediaType: 'application/pdf', data })),
  words.map((text) => ({ kind: 'text' as const, text, mediaType: 'text/plain' })),
);

const userPart: fc.Arbitrary<Part> = fc.oneof(
  { weight: 3, arbitrary: textPart },
  { weight: 1, arbitrary: image.map((source) => ({ type: 'image' as const, source })) },
  {
    weight: 1,
    arbitrary: fc
      .record({ source: document, name: maybe(identifier), context: maybe(words) })
      .map((part) => given({ type: 'file' as const, ...part })),
  },
  {
    weight: 1,
    arbitrary: base64.map((data) => ({
      type: 'audio' as const,
      source: { kind: 'base64' as const, mediaType: 'audio/wav', data },
    })),
  },
);
const userTurn: fc.Arbitrary<Turn> = fc
  .record({ first: textPart, more: fc.array(userPart, { maxLength: 2 }), name: maybe(identifier) })
  .map(({ first, more, name }) => given({ role: 'user' as const, parts: [first, ...more], name }));

const seal: fc.Arbitrary<ReasoningSeal> = fc.oneof(
  base64.map((value) => ({ vendor: 'anthropic', kind: 'signature' as const, value })),
  base64.map((value) => ({ vendor: 'openai', kind: 'encrypted' as const, value })),
);

/** What the assistant said and what its tools answered. The number keeps the ids apart. */
function exchange(number: number): fc.Arbitrary<Turn[]> {
  const call = fc.record({ name: identifier, text: argumentsText });
  const result = fc.record({
    text: words,
    picture: maybe(image),
    isError: maybe(fc.constant(true)),
    cache: maybe(cache),
  });
  return fc
    .record({
      reasoning: maybe(fc.record({ text: words, seal })),
      text: words,
      calls: fc.array(fc.tuple(call, result), { maxLength: 2 }),
      next: userTurn,
    })
    .map(({ reasoning, text, calls, next }) => {
      const parts: Part[] = reasoning === undefined ? [] : [{ type: 'reasoning', ...reasoning }];
      parts.push({ type: 'text', text });
      const turns: Turn[] = [{ role: 'assistant', parts }];
      for (const [index, [made, got]] of calls.entries()) {
        const id = `call_${number}_${index}`;
        parts.push({ type: 'tool-call', id, kind: 'function', ...made });
        const answer: Part[] = [{ type: 'text', text: got.text }];
        if (got.picture !== undefined) answer.push({ type: 'image', source: got.picture });
        const { isError, cache: mark } = got;
        const turn = { role: 'tool' as const, toolCallId: id, parts: answer };
        turns.push(given({ ...turn, isError, cache: mark }));
      }
      return [...turns, next];
    });
}

const turns: fc.Arbitrary<Turn[]> = fc
  .record({
    instruction: maybe(fc.array(textPart, { minLength: 1, maxLength: 2 })),
    role: fc.constantFrom('system' as const, 'developer' as const),
    first: userTurn,
    one: fc.oneof(fc.constant([]), exchange(1)),
    two: fc.oneof(fc.constant([]), exchange(2)),
  })
  .map(({ instruction, role, first, one, two }) => {
    const opening: Turn[] = instruction === undefined ? [] : [{ role, parts: instruction }];
    return [...opening, first, ...one, ...two];
  });

const tool: fc.Arbitrary<Tool> = fc
  .record({
    name: identifier,
    description: maybe(words),
    strict: maybe(fc.boolean()),
    cache: maybe(cache),
    properties: fc.dictionary(identifier, fc.constantFrom({ type: 'string' }, { type: 'number' })),
  })
  .map(({ properties, ...rest }) =>
    given({ kind: 'function' as const, ...rest, parameters: { type: 'object', properties } }),
  );

const sampling: fc.Arbitrary<Sampling> = fc
  .record({
    temperature: maybe(fc.constantFrom(0, 0.5, 1, 1.5)),
    topP: maybe(fc.constantFrom(0.1, 0.5, 1)),
    topK: maybe(fc.integer({ min: 1, max: 50 })),
    frequencyPenalty: maybe(fc.constantFrom(-1, 0.5, 2)),
    presencePenalty: maybe(fc.constantFrom(-1, 0.5, 2)),
    seed: maybe(fc.integer({ min: 0, max: 99 })),
    stop: maybe(fc.uniqueArray(words, { minLength: 1, maxLength: 4 })),
    logitBias: maybe(fc.constant({ '50256': -100 })),
  })
  .map(given);

const toolChoice = fc.constantFrom(
  { type: 'auto' } as const,
  { type: 'none' } as const,
  { type: 'required' } as const,
);
const responseFormat = fc.oneof(
  fc.constant({ type: 'json' } as const),
  fc.constant({
    type: 'json-schema',
    name: 'answer',
    schema: { type: 'object', properties: { a: { type: 'string' } } },
  } as const),
);
const reasoning = fc.oneof(
  fc.constantFrom('low', 'medium', 'high').map((effort) => ({ enabled: true, effort })),
  fc.constantFrom(2_000, 20_000).map((budgetTokens) => ({ enabled: true, budgetTokens })),
  fc.constant({ enabled: false }),
);

export const asks: fc.Arbitrary<ChatAsk> = fc
  .record({
    stream: fc.boolean(),
    usageFrame: fc.boolean(),
    turns,
    tools: fc.uniqueArray(tool, { maxLength: 2, selector: (one) => one.name }),
    toolChoice: maybe(toolChoice),
    parallelToolCalls: maybe(fc.boolean()),
    outputTokensMax: maybe(fc.integer({ min: 1, max: 9_000 })),
    sampling,
    responseFormat: maybe(responseFormat),
    reasoning: maybe(reasoning),
    choices: maybe(fc.integer({ min: 2, max: 4 })),
    logprobs: maybe(fc.constant({ top: 3 })),
    user: maybe(identifier),
    metadata: maybe(fc.constant({ team: 'blue' })),
    serviceTier: maybe(fc.constantFrom('auto', 'flex')),
    extras: fc.constantFrom({}, { a_field_nobody_knows: { deep: [1] } }),
  })
  .map((ask) => given({ model: 'some-model', ...ask }) as ChatAsk);

const counts = fc.integer({ min: 0, max: 5_000 });
const usage: fc.Arbitrary<Usage> = fc
  .record({
    input: counts,
    output: fc.integer({ min: 1, max: 5_000 }),
    cachedInput: maybe(counts),
    cacheWrite5m: maybe(counts),
  })
  .map((tokens) => ({ tokens: given(tokens), raw: {} }));

const url = identifier.map((name) => `https://example.com/${name}`);
const logprob = fc.record({ token: words, logprob: fc.constantFrom(-0.25, -1.5) });

type Spoken = {
  thoughts: { texts: string[]; seal: ReasoningSeal | undefined }[];
  texts: { text: string; cited: string | undefined }[];
  logprobs: { token: string; logprob: number }[] | undefined;
  refusal: string | undefined;
  /** Said after the calls, which no format forbids. */
  after: string | undefined;
  calls: { name: string; pieces: string[] }[];
  usage: Usage | undefined;
  end: StopReason;
};

const spoken: fc.Arbitrary<Spoken> = fc.record({
  thoughts: fc.array(
    fc.record({ texts: fc.array(words, { minLength: 1, maxLength: 3 }), seal: maybe(seal) }),
    { maxLength: 2 },
  ),
  texts: fc.array(fc.record({ text: words, cited: maybe(url) }), { maxLength: 4 }),
  logprobs: maybe(fc.array(logprob, { minLength: 1, maxLength: 2 })),
  refusal: maybe(words),
  after: maybe(words),
  calls: fc.array(fc.record({ name: identifier, pieces: argumentsText.map(cutInThree) }), {
    maxLength: 3,
  }),
  usage: maybe(usage),
  end: fc.constantFrom<StopReason>(
    'stop',
    'length',
    'content-filter',
    'refusal',
    'stop-sequence',
    'pause',
    'error',
  ),
});

function cutInThree(text: string): string[] {
  const [a, b] = [Math.floor(text.length / 3), Math.floor((text.length * 2) / 3)];
  return [text.slice(0, a), text.slice(a, b), text.slice(b)].filter((part) => part !== '');
}

/** Whole replies in the grammar of pieces: thoughts, texts, a refusal, calls told in turns. */
export const replies: fc.Arbitrary<Piece[]> = spoken.map((said) => {
  const pieces: Piece[] = [
    { type: 'reply-start', id: 'reply_1', model: 'some-model', createdAt: 1_700_000_000 },
  ];
  let block = 0;
  for (const { texts, seal: proof } of said.thoughts) {
    for (const text of texts) pieces.push({ type: 'reasoning-delta', block, text });
    if (proof !== undefined) pieces.push({ type: 'reasoning-seal', block, seal: proof });
    block += 1;
  }
  for (const { text, cited } of said.texts) {
    pieces.push({ type: 'text-delta', block, text });
    if (cited === undefined) continue;
    const citation = { kind: 'url' as const, url: cited, title: 'A page' };
    pieces.push({ type: 'citation', block, citation });
  }
  if (said.texts.length > 0 && said.logprobs !== undefined) {
    pieces.push({ type: 'logprobs', block, logprobs: said.logprobs });
  }
  if (said.refusal !== undefined) {
    pieces.push({ type: 'refusal-delta', block: block + 1, text: said.refusal });
  }
  block += 2;
  const rounds = Math.max(0, ...said.calls.map((call) => call.pieces.length));
  for (const [index, { name }] of said.calls.entries()) {
    const id = `call_${index}`;
    pieces.push({ type: 'tool-call-start', block: block + index, id, name, kind: 'function' });
  }
  for (let round = 0; round < rounds; round++) {
    for (const [index, call] of said.calls.entries()) {
      const text = call.pieces[round];
      if (text !== undefined) pieces.push({ type: 'tool-call-delta', block: block + index, text });
    }
  }
  if (said.after !== undefined && said.refusal === undefined) {
    pieces.push({ type: 'text-delta', block: block + said.calls.length, text: said.after });
  }
  if (said.usage !== undefined) pieces.push({ type: 'usage', usage: said.usage });
  pieces.push(endOf(said));
  return pieces;
});

function endOf(said: Spoken): Piece {
  const reason = said.end === 'stop' && said.calls.length > 0 ? 'tool-calls' : said.end;
  if (reason === 'stop-sequence') return { type: 'reply-end', reason, stopSequence: 'END' };
  return { type: 'reply-end', reason };
}
