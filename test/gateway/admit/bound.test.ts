import { describe, expect, test } from 'vitest';
import type { KeySettings } from '../../../lambdas/core/accounts.ts';
import type { ChatAsk } from '../../../lambdas/core/ask.ts';
import { usd, usdText } from '../../../lambdas/core/money.ts';
import { ProblemError } from '../../../lambdas/core/problem.ts';
import { anthropicMessages } from '../../../lambdas/formats/anthropic-messages.ts';
import { boundAsk, withOutputCap } from '../../../lambdas/gateway/admit/bound.ts';
import { affordableCap, explainRefusal } from '../../../lambdas/gateway/admit/refusal.ts';
import { findCandidates } from '../../../lambdas/gateway/route/candidates.ts';
import { compilePolicy } from '../../../lambdas/providers/policy-document.ts';

const dear = { input: '3', cacheWrite5m: '3.75', cacheWrite1h: '6', output: '15' };
const { policy } = compilePolicy({
  providers: { anthropic: {}, openai: {} },
  models: {
    both: {
      contextTokens: 10_000,
      outputTokensMax: 500,
      routes: [
        { provider: 'anthropic', model: 'dear' },
        { provider: 'openai', model: 'cheap' },
      ],
    },
    endless: { routes: [{ provider: 'openai', model: 'endless' }] },
    searching: { contextTokens: 1_000, routes: [{ provider: 'anthropic', model: 'searching' }] },
  },
  prices: {
    'anthropic/dear': dear,
    'openai/cheap': { input: '1', output: '2', perRequest: '0.25' },
    'openai/endless': { input: '1', output: '2' },
    'anthropic/searching': { ...dear, perPiece: { webSearch: '0.01' } },
  },
});

const read = (over: object) =>
  anthropicMessages.readAsk({
    model: 'both',
    max_tokens: 100,
    messages: [{ role: 'user', content: 'Hi' }],
    ...over,
  });
const bound = (over: object = {}, bodyBytes = 1_000) => {
  const ask = read(over);
  return boundAsk(
    ask,
    bodyBytes,
    findCandidates(policy, ask.model, () => 0.5),
  );
};

describe('the bound of a call', () => {
  test('is every byte a token and the whole cap, at the dearest of each over all candidates', () => {
    const { inputTokensMax, usd: most } = bound();
    // A thousand bytes, the template's allowance, one turn.
    expect(inputTokensMax).toBe(1_000 + 64 + 16);
    // Cache writes of an hour are the dearest input; the call fee of the other route is dearer yet.
    const input = usd('0.25').plus(usd('0.000001').times(1_080));
    expect(usdText(most)).toBe(usdText(input.plus(usd('0.000015').times(100))));
  });

  test('never exceeds what the model can read', () => {
    expect(bound({}, 5_000_000).inputTokensMax).toBe(10_000);
  });

  test('of a call with a file is the whole window, and a large one where that is not known', () => {
    const source = { type: 'base64', media_type: 'application/pdf', data: 'AAAA' };
    const content = [{ type: 'document', source }];
    const messages = [{ role: 'user', content }];
    expect(bound({ messages }).inputTokensMax).toBe(10_000);
    expect(bound({ model: 'endless', messages }).inputTokensMax).toBe(1_048_576);
  });

  test('counts an image by formula and not by its bytes', () => {
    const source = { type: 'base64', media_type: 'image/png', data: 'A'.repeat(900_000) };
    const messages = [{ role: 'user', content: [{ type: 'image', source }] }];
    expect(bound({ messages }, 901_000).inputTokensMax).toBeLessThanOrEqual(10_000);
    expect(bound({ messages, model: 'endless' }, 901_000).inputTokensMax).toBeLessThan(12_000);
  });

  test("of a vendor's own tool is every step that it may take, at its fee", () => {
    const tool = { type: 'web_search_20250305', name: 'web_search' };
    const searching = bound({ model: 'searching', tools: [{ ...tool, max_uses: 3 }] });
    expect(searching.inputTokensMax).toBe(4_000);
    const input = usd('0.000006').times(4_000);
    expect(usdText(searching.restUsd)).toBe(usdText(input.plus('0.03')));
    // Where the caller does not cap its uses, five are held for.
    expect(bound({ model: 'searching', tools: [tool] }).inputTokensMax).toBe(6_000);
    // Nobody has said what a search costs there.
    expect(() => bound({ model: 'endless', tools: [tool] })).toThrow(ProblemError);
  });

  test('holds for no more output than the model can give', () => {
    expect(bound({ max_tokens: 100_000 })).toMatchObject({ outputCap: 500, capByCaller: true });
    expect(bound({ max_tokens: 100_000, model: 'endless' })).toMatchObject({ outputCap: 100_000 });
  });

  test("takes the key's cap where the caller says none, and the model's where neither does", () => {
    const uncapped = { ...read({}), outputTokensMax: undefined };
    const candidates = findCandidates(policy, 'both', () => 0.5);
    const capWith = (settings: KeySettings, ask: ChatAsk = uncapped) =>
      boundAsk(ask, 100, candidates, settings).outputCap;
    expect(capWith({})).toBe(500);
    expect(capWith({ outputTokensDefault: 50 })).toBe(50);
    expect(capWith({ outputTokensMax: 60 }, read({ max_tokens: 400 }))).toBe(60);
  });
});

describe('a bound that does not fit', () => {
  const whole = bound({ max_tokens: 500 });
  const refusal = (left: string) =>
    ({ by: 'organisation', because: 'balance', remaining: usd(left) }) as const;

  test('is cut to the largest cap that does', () => {
    const left = usdText(whole.usd.minus('0.0015'));
    const cap = affordableCap(refusal(left), whole);
    expect(cap).toBe(400);
    expect(withOutputCap(whole, 400).usd.lessThanOrEqualTo(left)).toBe(true);
    expect(withOutputCap(whole, 401).usd.greaterThan(left)).toBe(true);
  });

  test('is not cut to an answer of a few words, nor where money is not what is short', () => {
    expect(affordableCap(refusal(usdText(whole.restUsd.plus('0.0001'))), whole)).toBeUndefined();
    expect(affordableCap(refusal('0'), whole)).toBeUndefined();
    const slots = { by: 'key', because: 'concurrency', limit: 1, remaining: 0 } as const;
    expect(affordableCap(slots, whole)).toBeUndefined();
  });

  test('is told in tokens and in dollars', () => {
    const { message, code, status } = explainRefusal(refusal('0.0001'), whole);
    expect({ code, status }).toEqual({ code: 'insufficient_balance', status: 402 });
    expect(message).toContain('up to 500 output tokens, and can afford 0');
    expect(message).toContain('$0.0001 is left');
  });
});

test('sound that no route has a price for is refused by name', () => {
  const source = { kind: 'base64', mediaType: 'audio/wav', data: 'AAAA' } as const;
  const ask = { ...read({}), turns: [{ role: 'user', parts: [{ type: 'audio', source }] }] };
  const candidates = findCandidates(policy, 'both', () => 0.5);
  expect(() => boundAsk(ask as ChatAsk, 100, candidates)).toThrow(/input_audio/);
});
