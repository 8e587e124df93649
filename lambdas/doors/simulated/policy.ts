/** The policy over simulated providers: what is in force where no provider key is set. */
import type { PolicyInput } from '../../providers/policy-document.ts';
import { simulatedProviders } from './script.ts';

/** Dollars per million tokens: made up, but far enough apart to see routing choose. */
const prices = {
  'simulated-north/simulated-small': { input: '0.4', output: '1.6' },
  'simulated-south/simulated-small': { input: '0.1', output: '0.4' },
  'simulated-east/simulated-small': cached('0.25', '1', '0.3125', '0.5'),
  'simulated-north/simulated-large': { input: '2', output: '8' },
  'simulated-east/simulated-large': cached('3', '15', '3.75', '6'),
};

function cached(input: string, output: string, cacheWrite5m: string, cacheWrite1h: string) {
  return { input, output, cacheWrite5m, cacheWrite1h };
}

/** `url` is where the simulated providers listen. */
export function simulatedPolicyDocument(url: string): PolicyInput {
  const providers: PolicyInput['providers'] = {};
  for (const { name, format } of simulatedProviders) {
    providers[name] = {
      kind: format === 'anthropic-messages' ? 'anthropic' : 'openai-compatible',
      baseUrl: `${url}/${name}/v1`,
      simulated: true,
    };
  }
  const route = (provider: string, firstTokenMs: number, tokensPerSecond: number) => ({
    provider,
    prior: { firstTokenMs, tokensPerSecond },
  });
  const north = route('simulated-north', 40, 120);
  const south = route('simulated-south', 250, 40);
  const east = route('simulated-east', 90, 80);
  return {
    version: 'simulated',
    providers,
    models: {
      'simulated-small': {
        contextTokens: 128_000,
        outputTokensMax: 8_192,
        routes: [north, south, east],
      },
      'simulated-large': {
        contextTokens: 400_000,
        outputTokensMax: 32_768,
        routes: [north, east],
      },
    },
    prices,
    groups: {
      simulated: {
        by: 'priority',
        members: [
          { model: 'simulated-small', priority: 1 },
          { model: 'simulated-large', priority: 2 },
        ],
      },
    },
  };
}
