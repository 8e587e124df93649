/** Known providers as data: where they live, what they speak, and where they differ. */
import type { Provider, Timeouts } from '../core/policy.ts';

export type ProviderRecord = Pick<Provider, 'format' | 'auth' | 'headers' | 'quirks'> & {
  /** Absent where every installation has its own. */
  baseUrl?: string;
  /** The environment variable in which people usually keep its key; absent: it wants none. */
  keyVariable?: string;
  /** List prices of what the vendor bills by the piece, in dollars; a policy may say otherwise. */
  perPiece?: Record<string, string>;
};

export const timeoutDefaults: Timeouts = { connectMs: 2_000, firstByteMs: 30_000, stallMs: 20_000 };

const bearer = { header: 'authorization', scheme: 'Bearer' } as const;

/** A server that speaks OpenAI's chat completions; most accept `max_tokens` only. */
function chat(record: Partial<ProviderRecord>): ProviderRecord {
  const { quirks, ...rest } = record;
  return {
    format: 'openai-chat',
    auth: bearer,
    headers: {},
    quirks: { outputCapField: 'max_tokens', ...quirks },
    ...rest,
  };
}

/** By the name that stands in a policy's `kind`, or is a provider's own name. */
export const providerRecords: ReadonlyMap<string, ProviderRecord> = new Map([
  [
    'openai',
    chat({
      baseUrl: 'https://api.openai.com/v1',
      keyVariable: 'OPENAI_API_KEY',
      quirks: { outputCapField: 'max_completion_tokens', streamUsage: 'asked' },
    }),
  ],
  [
    'anthropic',
    {
      format: 'anthropic-messages',
      baseUrl: 'https://api.anthropic.com/v1',
      auth: { header: 'x-api-key' },
      headers: { 'anthropic-version': '2023-06-01' },
      quirks: {},
      keyVariable: 'ANTHROPIC_API_KEY',
      // Anthropic's price list of 2026-08: searches at $10 a thousand, fetches for their tokens
      // only.
      perPiece: { webSearch: '0.01', webFetch: '0' },
    },
  ],
  // vLLM, llama.cpp, Ollama, LM Studio and whatever else speaks OpenAI's language.
  ['openai-compatible', chat({})],
  [
    'azure-openai',
    // Base URL: `https://<resource>.openai.azure.com/openai/v1`.
    chat({
      auth: { header: 'api-key' },
      keyVariable: 'AZURE_OPENAI_API_KEY',
      quirks: { outputCapField: 'max_completion_tokens' },
    }),
  ],
  [
    'xai',
    // Its completion count leaves reasoning out; the total does not.
    chat({
      baseUrl: 'https://api.x.ai/v1',
      keyVariable: 'XAI_API_KEY',
      quirks: { reasoningOutsideOutput: true },
    }),
  ],
  [
    'mistral',
    // Refuses fields it does not know with a 422, and always sends usage in its last chunk.
    chat({
      baseUrl: 'https://api.mistral.ai/v1',
      keyVariable: 'MISTRAL_API_KEY',
      quirks: {
        streamUsage: 'always',
        unsupported: [
          'logit_bias',
          'logprobs',
          'top_logprobs',
          'seed',
          'service_tier',
          'store',
          'stream_options',
          'user',
        ],
      },
    }),
  ],
  [
    'groq',
    chat({
      baseUrl: 'https://api.groq.com/openai/v1',
      keyVariable: 'GROQ_API_KEY',
      quirks: {
        outputCapField: 'max_completion_tokens',
        unsupported: ['logit_bias', 'logprobs', 'top_logprobs'],
      },
    }),
  ],
  [
    'deepseek',
    chat({
      baseUrl: 'https://api.deepseek.com',
      keyVariable: 'DEEPSEEK_API_KEY',
      quirks: { reasoningField: 'reasoning_content' },
    }),
  ],
  [
    'openrouter',
    chat({
      baseUrl: 'https://openrouter.ai/api/v1',
      keyVariable: 'OPENROUTER_API_KEY',
      quirks: { reasoningField: 'reasoning' },
    }),
  ],
  ['together', chat({ baseUrl: 'https://api.together.xyz/v1', keyVariable: 'TOGETHER_API_KEY' })],
  [
    'fireworks',
    chat({
      baseUrl: 'https://api.fireworks.ai/inference/v1',
      keyVariable: 'FIREWORKS_API_KEY',
    }),
  ],
  [
    'cerebras',
    chat({
      baseUrl: 'https://api.cerebras.ai/v1',
      keyVariable: 'CEREBRAS_API_KEY',
      quirks: {
        outputCapField: 'max_completion_tokens',
        reasoningField: 'reasoning',
        unsupported: ['frequency_penalty', 'logit_bias', 'presence_penalty', 'service_tier'],
      },
    }),
  ],
  [
    'perplexity',
    // Usage stands on every chunk, and no `[DONE]` ends the stream.
    chat({
      baseUrl: 'https://api.perplexity.ai',
      keyVariable: 'PERPLEXITY_API_KEY',
      quirks: { streamUsage: 'always', unsupported: ['stream_options'] },
    }),
  ],
  [
    'moonshot',
    chat({
      baseUrl: 'https://api.moonshot.ai/v1',
      keyVariable: 'MOONSHOT_API_KEY',
      quirks: { reasoningField: 'reasoning_content' },
    }),
  ],
  [
    'zai',
    chat({
      baseUrl: 'https://api.z.ai/api/paas/v4',
      keyVariable: 'ZAI_API_KEY',
      quirks: { reasoningField: 'reasoning_content' },
    }),
  ],
  [
    'huggingface',
    chat({
      baseUrl: 'https://router.huggingface.co/v1',
      keyVariable: 'HF_TOKEN',
      quirks: { streamUsage: 'always' },
    }),
  ],
  ['venice', chat({ baseUrl: 'https://api.venice.ai/api/v1', keyVariable: 'VENICE_API_KEY' })],
]);
