/** What is asked and answered in a measurement; the same bytes for every subject. */

export const paths = { whole: '/whole', burst: '/burst', paced: '/paced' } as const;
export type Play = keyof typeof paths;

export const chunksPerBurst = 1_000;
export const chunksPerPaced = 30;
export const pacedGapMs = 100;

const word = 'measure what you mean to make faster, and only then make it so; ';

function textOf(bytes: number): string {
  return word.repeat(Math.ceil(bytes / word.length)).slice(0, bytes);
}

/** A chat request of about so many bytes, in turns of at most 2 kB. */
export function requestBody(model: Play, bytes: number, stream: boolean): string {
  const head = { model, max_tokens: 256, stream, temperature: 0.2 };
  const turnBytes = Math.min(bytes - 150, 1_950);
  const turns = Math.max(1, Math.round(bytes / 2_000));
  const messages = Array.from({ length: turns }, (_, at) => ({
    role: at % 2 === 0 ? 'user' : 'assistant',
    content: textOf(turnBytes),
  }));
  return JSON.stringify({ ...head, messages });
}

const usage = {
  prompt_tokens: 412,
  completion_tokens: 96,
  total_tokens: 508,
  prompt_tokens_details: { cached_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 0 },
};

export const wholeReply = JSON.stringify({
  id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
  object: 'chat.completion',
  created: 1_790_000_000,
  model: 'whole',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: textOf(1_500), refusal: null },
      finish_reason: 'stop',
      logprobs: null,
    },
  ],
  usage,
  system_fingerprint: 'fp_bench',
});

function frame(delta: object, finish: string | null): string {
  const chunk = {
    id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
    object: 'chat.completion.chunk',
    created: 1_790_000_000,
    model: 'burst',
    choices: [{ index: 0, delta, finish_reason: finish, logprobs: null }],
    usage: null,
  };
  return `data: ${JSON.stringify(chunk)}\n\n`;
}

export const firstFrame = frame({ role: 'assistant', content: '' }, null);
export const textFrame = frame({ content: ' measured' }, null);

/** A frame that tells when it was sent, in microseconds of the machine's monotonic clock. */
export function stampedFrame(): string {
  return frame({ content: `t=${microsNow()};` }, null);
}

export const lastFrames = [
  frame({}, 'stop'),
  `data: ${JSON.stringify({ id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT', object: 'chat.completion.chunk', created: 1_790_000_000, model: 'burst', choices: [], usage })}\n\n`,
  'data: [DONE]\n\n',
].join('');

/** Microseconds on a clock that all processes of a machine share. */
export function microsNow(): number {
  return Number(process.hrtime.bigint() / 1_000n);
}
