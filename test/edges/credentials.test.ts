import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createCachedCredentials,
  createEnvironmentCredentials,
} from '../../lambdas/edges/credentials.ts';
import { createSecretsManagerFetch } from '../../lambdas/edges/secrets-manager.ts';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts';

const minuteMs = 60_000;

function cached(fetchSecret: (id: string) => Promise<string | undefined>) {
  const clock = { nowMs: 0, monotonicMs: () => clock.nowMs };
  const options = { fetchSecret, prefix: 'fairlead/prod/', clock, random: () => 0.5 };
  return { clock, credentials: createCachedCredentials(options) };
}

describe('credentials from the environment', () => {
  it('are found under the variable that their name or the policy says', async () => {
    const environment = { OPENAI_API_KEY: ' sk-1 \n', EMPTY: '' };
    const credentials = createEnvironmentCredentials(
      environment,
      new Map([['openai', 'OPENAI_API_KEY']]),
    );
    expect(await credentials.secret('env:OPENAI_API_KEY')).toBe('sk-1');
    expect(await credentials.secret('openai')).toBe('sk-1');
    for (const name of ['env:EMPTY', 'env:NONE', 'anthropic', 'OPENAI_API_KEY']) {
      await expect(credentials.secret(name)).rejects.toThrow(name);
    }
  });
});

describe('cached credentials', () => {
  it('are fetched once, however many calls wait, and again when they have aged', async () => {
    const asked: string[] = [];
    const { clock, credentials } = cached(async (id) => {
      asked.push(id);
      return `secret ${asked.length}`;
    });
    const all = await Promise.all(Array.from({ length: 20 }, () => credentials.secret('openai')));
    expect(new Set(all)).toEqual(new Set(['secret 1']));
    clock.nowMs = 5 * minuteMs;
    expect(await credentials.secret('openai')).toBe('secret 1');
    clock.nowMs = 5.5 * minuteMs;
    expect(await credentials.secret('openai')).toBe('secret 2');
    expect(asked).toEqual(['fairlead/prod/openai', 'fairlead/prod/openai']);
  });

  it('are read afresh after a provider refused them, but not in a flood', async () => {
    let fetched = 0;
    const { clock, credentials } = cached(async () => {
      fetched += 1;
      return `secret ${fetched}`;
    });
    await credentials.secret('openai');
    clock.nowMs = minuteMs;
    for (let i = 0; i < 10; i += 1) {
      credentials.forget('openai');
      expect(await credentials.secret('openai')).toBe('secret 2');
    }
    credentials.forget('never asked for');
  });

  it('do not keep a failure', async () => {
    let fetched = 0;
    const { credentials } = cached(async () => {
      fetched += 1;
      if (fetched === 1) throw new Error('no answer');
      return fetched === 2 ? undefined : 'secret';
    });
    await expect(credentials.secret('a')).rejects.toThrow('no answer');
    await expect(credentials.secret('a')).rejects.toThrow('has no secret');
    expect(await credentials.secret('a')).toBe('secret');
  });
});

describe('Secrets Manager', () => {
  let fake: FakeUpstream;
  beforeEach(async () => {
    fake = await startFakeUpstream();
  });
  afterEach(() => fake.close());

  const fetchSecret = (id: string) =>
    createSecretsManagerFetch({
      AWS_REGION: 'eu-central-1',
      AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE',
      AWS_SECRET_ACCESS_KEY: 'wJalrXUtnFEMI',
      AWS_SESSION_TOKEN: 'token',
      AWS_ENDPOINT_URL_SECRETS_MANAGER: fake.url,
    })(id);

  it('is asked for a secret by its id, signed for its own service', async () => {
    fake.reply({ body: JSON.stringify({ SecretString: 'sk-1' }) });
    expect(await fetchSecret('fairlead/openai')).toBe('sk-1');
    const [request] = fake.requests;
    expect(request?.json()).toEqual({ SecretId: 'fairlead/openai' });
    expect(request?.headers['x-amz-target']).toBe('secretsmanager.GetSecretValue');
    expect(request?.headers['x-amz-security-token']).toBe('token');
    expect(request?.headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE\/\d{8}\/eu-central-1\/secretsmanager\/aws4_request/,
    );
  });

  it('has no such secret, or refuses it', async () => {
    const refusal = (type: string) => ({ status: 400, body: JSON.stringify({ __type: type }) });
    fake.replyOnce(refusal('com.amazonaws#ResourceNotFoundException'));
    expect(await fetchSecret('none')).toBeUndefined();
    fake.replyOnce(refusal('AccessDeniedException'));
    await expect(fetchSecret('closed')).rejects.toThrow('closed cannot be read (AccessDenied');
    expect(fake.requests).toHaveLength(2);
  });

  it('is asked again when a moment may cure it, three times at most', async () => {
    fake.replyOnce(
      { ending: 'cut' },
      { status: 500, body: 'oops' },
      { body: '{"SecretString":"s"}' },
    );
    expect(await fetchSecret('a')).toBe('s');
    fake.reply({ status: 503, body: 'oops' });
    await expect(fetchSecret('a')).rejects.toThrow('status 503');
    expect(fake.requests).toHaveLength(6);
  });
});
