/** Every format of a chat that the gateway speaks, by name. */
import { anthropicMessages } from './anthropic-messages.ts';
import type { ChatFormat } from './format.ts';
import { openaiChat } from './openai-chat.ts';

export const chatFormats: ReadonlyMap<string, ChatFormat> = new Map(
  [openaiChat, anthropicMessages].map((format) => [format.name, format]),
);

/** The format of this name. Names come from our own tables: an unknown one is a fault of ours. */
export function formatNamed(name: string): ChatFormat {
  const format = chatFormats.get(name);
  if (format === undefined) throw new RangeError(`no such format: ${name}`);
  return format;
}
