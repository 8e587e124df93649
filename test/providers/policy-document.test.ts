/** A policy document compiles to what it says, and says where it is wrong. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { usd, usdText } from '../../lambdas/core/money.ts';
import { livePolicyDocument } from '../../lambdas/providers/default-policy.ts';
import { compilePolicy } from '../../lambdas/providers/policy-document.ts';
import { faultText, PolicyError } from '../../lambdas/providers/policy-faults.ts';
import { providerRecords, timeoutDefaults } from '../../lambdas/providers/records.ts';

const minimal = `
providers:
  openai:
models:
  gpt-4o-mini:
    routes: [openai]
prices:
  openai/gpt-4o-mini: { input: "0.15", output: "0.60" }
`;

function faultsOf(text: string): string[] {
  try {
    compilePolicy(parse(text));
  } catch (error) {
    if (error instanceof PolicyError) return error.faults.map(faultText);
    throw error;
  }
  return [];
}

describe('a document that is right', () => {
  it('needs seven lines, and gets its defaults from the record of the provider', () => {
    const { policy, keyVariables, organisations } = compilePolicy(parse(minimal));
    const provider = policy.providers.get('openai');
    expect(provider).toMatchObject({
      baseUrl: 'https://api.openai.com/v1',
      credential: 'openai',
      format: 'openai-chat',
      timeouts: timeoutDefaults,
    });
    expect(keyVariables.get('openai')).toBe('OPENAI_API_KEY');
    const model = policy.models.get('gpt-4o-mini');
    expect(model?.routes.map((route) => route.id)).toEqual(['openai/gpt-4o-mini']);
    expect(model?.outputTokensMax).toBeUndefined();
    expect(organisations).toEqual([]);
  });

  it('keeps money exact, and takes cached input to cost as much as input', () => {
    const { policy } = compilePolicy(parse(minimal));
    const price = policy.models.get('gpt-4o-mini')?.routes[0]?.price;
    expect(usdText(price?.perMillion.input ?? usd('0'))).toBe('0.15');
    expect(usdText(price?.perMillion.cachedInput ?? usd('0'))).toBe('0.15');
    expect(usdText(price?.perMillion.output ?? usd('0'))).toBe('0.6');
    expect(price?.perMillion.cacheWrite5m).toBeUndefined();
  });

  it('names its version and its prices by what they say', () => {
    const first = compilePolicy(parse(minimal)).policy;
    const again = compilePolicy(parse(minimal)).policy;
    const dearer = compilePolicy(parse(minimal.replace('0.60', '0.70'))).policy;
    expect(again.version).toBe(first.version);
    expect(dearer.version).not.toBe(first.version);
    const versionIn = (policy: typeof first) =>
      policy.models.get('gpt-4o-mini')?.routes[0]?.price?.version;
    expect(versionIn(again)).toBe(versionIn(first));
    expect(versionIn(dearer)).not.toBe(versionIn(first));
  });

  it('is the example that the project ships', () => {
    const text = readFileSync(new URL('../../examples/policy.yaml', import.meta.url), 'utf8');
    const { policy, organisations, keyVariables } = compilePolicy(parse(text));
    expect([...policy.models.keys()]).toEqual(['gpt-5.4-mini', 'claude-haiku-4-5', 'small']);
    expect(policy.groups.get('everyday')?.members).toHaveLength(2);
    expect(policy.models.get('small')?.routes.map((route) => route.id)).toEqual([
      'openai/gpt-4o-mini',
      'mistral/mistral-small-2603',
      'own-server/qwen3-8b',
    ]);
    expect(keyVariables.get('own-server')).toBe('OWN_SERVER_KEY');
    const [acme] = organisations;
    expect(usdText(acme?.balance ?? usd('0'))).toBe('25');
    expect(acme?.keys.map((key) => key.name)).toEqual(['acme-web', 'acme-batch']);
    expect(usdText(acme?.keys[0]?.limits.dailyUsd ?? usd('0'))).toBe('5');
    expect(acme?.keys[1]?.settings.overBudget).toBe('refuse');
  });

  it('of our own making holds the providers whose key is set, each model with its price', () => {
    expect(livePolicyDocument({})).toBeUndefined();
    expect(livePolicyDocument({ OPENAI_API_KEY: '' })).toBeUndefined();
    const one = compilePolicy(livePolicyDocument({ ANTHROPIC_API_KEY: 'set' })).policy;
    expect([...one.providers.keys()]).toEqual(['anthropic']);
    const both = compilePolicy(
      livePolicyDocument({ ANTHROPIC_API_KEY: 'set', OPENAI_API_KEY: 'set' }),
    ).policy;
    expect([...both.providers.keys()]).toEqual(['openai', 'anthropic']);
    for (const model of both.models.values()) {
      for (const route of model.routes) expect(route.price?.perMillion.output).toBeDefined();
    }
  });
});

describe('each provider that is known', () => {
  const records = [...providerRecords];
  it.each(records)('%s compiles from its record', (name, record) => {
    const route = `${name}/a-model`;
    const { policy } = compilePolicy({
      providers: {
        [name]: record.baseUrl === undefined ? { baseUrl: 'https://a.example/v1' } : {},
      },
      models: { 'a-model': { routes: [name] } },
      prices: { [route]: { input: '1', output: '2', cacheWrite5m: '1', cacheWrite1h: '1' } },
    });
    const provider = policy.providers.get(name);
    expect(provider?.format).toMatch(/^(openai-chat|anthropic-messages)$/);
    expect(provider?.baseUrl).toMatch(/^https:\/\/.*[^/]$/);
    expect(provider?.credential).toBe(record.keyVariable === undefined ? undefined : name);
  });
});

const acme = (rest: string) => `${minimal}organisations: { acme: ${rest} }\n`;

describe('a fault is named with its place in the file', () => {
  const cases: [string, string, string][] = [
    ['nothing at all', '', 'the document must be a mapping'],
    ['a list', '[]', 'the document must be a mapping'],
    [
      'a provider that is not there',
      minimal.replace('[openai]', '[opnai]'),
      'models.gpt-4o-mini.routes.0.provider: no provider "opnai"; did you mean "openai"?',
    ],
    [
      'a kind that nobody knows',
      minimal.replace('openai:', 'openai: { kind: open-ai-compatible }'),
      'providers.openai.kind: no provider is known as "open-ai-compatible"; ' +
        'did you mean "openai-compatible"?',
    ],
    [
      'money as a number',
      minimal.replace('"0.15"', '0.15'),
      'prices.openai/gpt-4o-mini.input: money must be quoted to stay exact: write "0.15"',
    ],
    [
      'money that is none',
      minimal.replace('"0.15"', '"1e-7"'),
      'prices.openai/gpt-4o-mini.input: must be an amount of dollars in quotes, such as "0.15"',
    ],
    [
      'money below nothing',
      minimal.replace('"0.15"', '"-1"'),
      'prices.openai/gpt-4o-mini.input: must be an amount of dollars in quotes, such as "0.15"',
    ],
    [
      'a field that is misspelt',
      minimal.replace('routes', 'rotues'),
      'models.gpt-4o-mini.rotues: no such field; did you mean "routes"?',
    ],
    [
      'a name with dots',
      minimal.replaceAll('gpt-4o-mini', 'gpt-4.1').replace('[openai]', '[]'),
      'models."gpt-4.1".routes: must be a list with at least one entry',
    ],
    [
      'a route twice',
      minimal.replace('[openai]', '[openai, openai]'),
      'models.gpt-4o-mini.routes.1: the route "openai/gpt-4o-mini" stands here twice',
    ],
    [
      'a price of no route',
      `${minimal}  openai/gpt-4o-mimi: { input: "1", output: "1" }\n`,
      'prices.openai/gpt-4o-mimi: no route is called "openai/gpt-4o-mimi"; ' +
        'did you mean "openai/gpt-4o-mini"?',
    ],
    [
      'a price with a gap',
      minimal.replace(', output: "0.60"', ''),
      'prices.openai/gpt-4o-mini.output: is missing; it must be dollars per million, in quotes',
    ],
    [
      'a secret among the headers',
      minimal.replace('openai:', 'openai: { headers: { Authorization: "Bearer x" } }'),
      'providers.openai.headers.Authorization: may not be set here; ' +
        'secrets belong to a credential',
    ],
    [
      'an address with a password',
      minimal.replace('openai:', 'openai: { baseUrl: "https://a:b@c.example" }'),
      'providers.openai.baseUrl: must carry no name or password',
    ],
    [
      'a server without an address',
      minimal.replace('openai:', 'openai: { kind: openai-compatible }'),
      'providers.openai.baseUrl: is missing; this kind of provider has no usual one',
    ],
    [
      'a member that is no model',
      `${minimal}groups: { fast: { members: [gpt-4o-mino] } }`,
      'groups.fast.members.0.model: no model "gpt-4o-mino"; did you mean "gpt-4o-mini"?',
    ],
    [
      'a member without its weight',
      `${minimal}groups: { fast: { by: weight, members: [gpt-4o-mini] } }`,
      'groups.fast.members.0.weight: is missing; this group is chosen from by weight',
    ],
    [
      'a group that is called like a model',
      `${minimal}groups: { gpt-4o-mini: { members: [gpt-4o-mini] } }`,
      'groups.gpt-4o-mini: a model has this name',
    ],
    [
      'a limit that is no whole number',
      acme('{ keys: { k: { limits: { concurrency: 1.5 } } } }'),
      'organisations.acme.keys.k.limits.concurrency: must be a whole number',
    ],
    [
      'a way of billing that does not exist',
      acme('{ billing: free }'),
      'organisations.acme.billing: must be one of prepaid, postpaid',
    ],
    [
      'a key for a model that is not there',
      acme('{ keys: { k: { models: [gpt-4o-mini, gpt-4o-maxi] } } }'),
      'organisations.acme.keys.k.models.1: no model "gpt-4o-maxi"; did you mean "gpt-4o-mini"?',
    ],
  ];
  it.each(cases)('%s', (_, text, fault) => {
    expect(faultsOf(text)).toContain(fault);
  });

  it('and all faults are told at once', () => {
    const text = minimal.replace('"0.15"', '0.15').replace('"0.60"', '0.6').replace('routes', 'r');
    expect(faultsOf(text)).toHaveLength(4);
  });
});

it('a route without a price stands, unpriced, and is told of', () => {
  const text = minimal.replace('[openai]', '[openai, { provider: openai, model: gpt-5 }]');
  const { policy, unpriced } = compilePolicy(parse(text));
  expect(unpriced).toEqual(['openai/gpt-5']);
  const routes = policy.models.get('gpt-4o-mini')?.routes ?? [];
  expect(routes.map((route) => route.price === undefined)).toEqual([false, true]);
});
