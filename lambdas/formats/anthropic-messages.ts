/** Anthropic's Messages API, in both directions: requests, replies whole and streamed, errors. */
import { readError, writeError, writeStreamError } from './anthropic-messages/errors.ts';
import { formatName } from './anthropic-messages/names.ts';
import { readAsk } from './anthropic-messages/read-ask.ts';
import { readPieces, readWhole } from './anthropic-messages/read-reply.ts';
import { patchAsk, writeAsk } from './anthropic-messages/write-ask.ts';
import { writePieces, writeWhole } from './anthropic-messages/write-reply.ts';
import type { ChatFormat } from './format.ts';

const guardedFields = new Set([
  ...['model', 'messages', 'system', 'stream', 'max_tokens', 'thinking', 'cache_control'],
  ...['tools', 'mcp_servers', 'container', 'fallbacks', 'service_tier', 'speed', 'inference_geo'],
]);

export const anthropicMessages: ChatFormat = {
  name: formatName,
  readAsk,
  writeAsk,
  patchAsk,
  guardedFields,
  upstreamPath: () => '/messages',
  readPieces,
  writePieces,
  readWhole,
  writeWhole,
  readError,
  writeError,
  writeStreamError,
  // Usage always stands in a stream of this format: nothing had to be asked for.
  isOurs: () => false,
  forwardedHeaders: ['anthropic-beta'],
};
