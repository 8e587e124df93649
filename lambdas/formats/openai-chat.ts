/** OpenAI's Chat Completions, and what every server compatible with it makes of them. */
import type { ChatAsk } from '../core/ask.ts';
import type { Piece } from '../core/piece.ts';
import type { Quirks } from '../core/policy.ts';
import { problem } from '../core/problem.ts';
import { type ChatFormat, type PieceReader, type StreamEvent, UnreadableReply } from './format.ts';
import { asCount, asList, asRecord, type JsonRecord } from './lenient.ts';
import { readError, writeError, writeStreamError } from './openai-chat/errors.ts';
import { readAsk } from './openai-chat/read-ask.ts';
import { formatName } from './openai-chat/read-turns.ts';
import { ReplyReader } from './openai-chat/reply-reader.ts';
import { patchAsk, writeAsk } from './openai-chat/write-ask.ts';
import { writePieces } from './openai-chat/write-pieces.ts';
import { writeWhole } from './openai-chat/write-whole.ts';

/** Stands in every usage frame, and in no other chunk of a server that was asked for one. */
const usageMark = '"prompt_tokens"';

const guardedFields = new Set([
  ...['model', 'messages', 'stream', 'n', 'best_of'],
  ...['max_tokens', 'max_completion_tokens', 'max_output_tokens'],
  ...['tools', 'functions', 'plugins', 'web_search_options', 'search_parameters'],
  ...['modalities', 'audio', 'service_tier', 'speed', 'inference_geo'],
]);

function readPieces(quirks: Quirks): PieceReader {
  const reply = new ReplyReader(quirks);
  function end(): Piece[] {
    if (reply.hasEnded) return [];
    if (reply.hasFinish) reply.finish();
    else reply.failWith(cut());
    return reply.take();
  }
  return {
    push(event) {
      if (reply.hasEnded) return [];
      if (event.data.trim() === '[DONE]') {
        // Some end without a reason; but nothing said and no reason given is no answer.
        if (reply.hasFinish || reply.hasSpoken) reply.finish();
        else reply.failWith(cut());
        return reply.take();
      }
      const body = parseEvent(event);
      if (body === undefined) return [];
      reply.read(body);
      if (event.event === 'error' && !reply.hasEnded) reply.fail(body);
      return reply.take();
    },
    end,
  };
}

function cut() {
  return problem('upstream_failed', 'The provider stopped before the end of its answer.');
}

function parseEvent(event: StreamEvent): JsonRecord | undefined {
  if (event.data.trim() === '') return undefined;
  try {
    return asRecord(JSON.parse(event.data));
  } catch {
    throw new UnreadableReply('an event of the stream is not JSON');
  }
}

function readWhole(body: unknown, quirks: Quirks): Piece[] {
  const whole = asRecord(body);
  if (whole === undefined) throw new UnreadableReply('the reply is not a JSON object');
  const reply = new ReplyReader(quirks);
  reply.read(whole);
  if (!reply.hasEnded) {
    if (asRecord(asList(whole.choices)[0]) === undefined) {
      throw new UnreadableReply('the reply has no choices');
    }
    reply.finish();
  }
  return reply.take();
}

function isOurs(event: StreamEvent, ask: ChatAsk): boolean {
  if (!ask.stream || ask.usageFrame || !event.data.includes(usageMark)) return false;
  try {
    const chunk = asRecord(JSON.parse(event.data));
    const usage = asRecord(chunk?.usage);
    const hasNoChoices = Array.isArray(chunk?.choices) && chunk.choices.length === 0;
    return hasNoChoices && asCount(usage?.prompt_tokens) !== undefined;
  } catch {
    return false;
  }
}

export const openaiChat: ChatFormat = {
  name: formatName,
  readAsk,
  writeAsk,
  patchAsk,
  guardedFields,
  upstreamPath: () => '/chat/completions',
  readPieces,
  writePieces,
  readWhole,
  writeWhole,
  readError,
  writeError,
  writeStreamError,
  isOurs,
  oursMark: usageMark,
};
