/** The policy in force where nobody has written one: live providers by their keys, or none. */
import type { PolicyInput, PriceEntry } from './policy-schema.ts';
import { providerRecords } from './records.ts';

type ListedModel = {
  contextTokens: number;
  outputTokensMax: number;
  price: PriceEntry;
};

/**
 * Public list prices in dollars per million tokens, as of 2026-08-01. Models whose price depends on
 * the length of the context are left out: those belong in a policy that somebody has looked at.
 */
export const listPricesAsOf = '2026-08-01';

const listedModels: Record<string, Record<string, ListedModel>> = {
  openai: {
    'gpt-4o-mini': {
      contextTokens: 128_000,
      outputTokensMax: 16_384,
      price: { input: '0.15', cachedInput: '0.075', output: '0.6' },
    },
    'gpt-4.1': {
      contextTokens: 1_047_576,
      outputTokensMax: 32_768,
      price: { input: '2', cachedInput: '0.5', output: '8' },
    },
    'gpt-5-mini': {
      contextTokens: 400_000,
      outputTokensMax: 128_000,
      price: { input: '0.25', cachedInput: '0.025', output: '2' },
    },
    'gpt-5.2': {
      contextTokens: 400_000,
      outputTokensMax: 128_000,
      price: { input: '1.75', cachedInput: '0.175', output: '14' },
    },
    'gpt-5.4-nano': {
      contextTokens: 400_000,
      outputTokensMax: 128_000,
      price: { input: '0.2', cachedInput: '0.02', output: '1.25' },
    },
    'gpt-5.4-mini': {
      contextTokens: 400_000,
      outputTokensMax: 128_000,
      price: { input: '0.75', cachedInput: '0.075', output: '4.5' },
    },
  },
  anthropic: {
    'claude-haiku-4-5': {
      contextTokens: 200_000,
      outputTokensMax: 64_000,
      price: {
        input: '1',
        cachedInput: '0.1',
        cacheWrite5m: '1.25',
        cacheWrite1h: '2',
        output: '5',
      },
    },
    'claude-sonnet-5': {
      contextTokens: 1_000_000,
      outputTokensMax: 128_000,
      price: {
        input: '2',
        cachedInput: '0.2',
        cacheWrite5m: '2.5',
        cacheWrite1h: '4',
        output: '10',
      },
    },
    'claude-opus-5': {
      contextTokens: 1_000_000,
      outputTokensMax: 128_000,
      price: {
        input: '5',
        cachedInput: '0.5',
        cacheWrite5m: '6.25',
        cacheWrite1h: '10',
        output: '25',
      },
    },
  },
};

/**
 * A document over the providers whose usual key variable is set; `undefined` where none is, for
 * then there is nobody real to call.
 */
export function livePolicyDocument(
  environment: Readonly<Record<string, string | undefined>>,
): PolicyInput | undefined {
  const document: PolicyInput = { providers: {}, models: {}, prices: {} };
  for (const [provider, models] of Object.entries(listedModels)) {
    const variable = providerRecords.get(provider)?.keyVariable;
    if (variable === undefined || !environment[variable]) continue;
    document.providers[provider] = {};
    for (const [name, { price, ...model }] of Object.entries(models)) {
      document.models[name] = { ...model, routes: [provider] };
      document.prices = {
        ...document.prices,
        [`${provider}/${name}`]: { version: `list ${listPricesAsOf}`, ...price },
      };
    }
  }
  return Object.keys(document.providers).length === 0 ? undefined : document;
}
