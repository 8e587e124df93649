import { describe, expect, test } from 'vitest';
import { anthropicMessages } from '../../lambdas/formats/anthropic-messages.ts';
import type { ChatFormat, ReplyContext } from '../../lambdas/formats/format.ts';
import { openaiChat } from '../../lambdas/formats/openai-chat.ts';
import { createSseReader, writeSse } from '../../lambdas/formats/sse.ts';
import type { Exchange } from '../support/corpus.ts';
import {
  describeFault,
  exchangesOf,
  formatOf,
  hasCorpus,
  quirksOf,
  Tally,
} from '../support/corpus.ts';
import type { Told } from '../support/corpus-told.ts';
import { toldBy } from '../support/corpus-told.ts';
import type { Client } from '../support/sdk-clients.ts';
import { anthropicClient, openaiClient } from '../support/sdk-clients.ts';

const targets: [ChatFormat, Client][] = [
  [openaiChat, openaiClient],
  [anthropicMessages, anthropicClient],
];

const context: ReplyContext = {
  callId: 'call-1',
  model: 'asked/model',
  createdAt: 1_790_000_000,
  usageFrame: true,
};

const cutCall = 'the call was cut by the output cap; an input here is always an object';
const noChat = 'a realtime session that its source keeps among its chat recordings';

/** What cannot cross, each with the reason. */
const known: Record<string, string> = {
  'deepseek-chat-52a5bf3ad8 to anthropic-messages': cutCall,
  'deepseek-chat-e460d14629 to anthropic-messages': cutCall,
  'llamacpp-chat-8d1f380872 to anthropic-messages': cutCall,
  'mistral-chat-1b0cc9b76b to anthropic-messages': cutCall,
  'mistral-chat-db5bad1e95 to anthropic-messages': cutCall,
  'openai-chat-9d80221439 to openai-chat': noChat,
  'openai-chat-9d80221439 to anthropic-messages': noChat,
};

function translate(exchange: Exchange, target: ChatFormat): string {
  const source = formatOf(exchange);
  const quirks = quirksOf(exchange.provider);
  const { kind, json, sse = '' } = exchange.response;
  if (kind === 'json') {
    return JSON.stringify(target.writeWhole(source.readWhole(json, quirks), context));
  }
  const framing = createSseReader();
  const reader = source.readPieces(quirks);
  const writer = target.writePieces(context);
  const events = [...framing.push(Buffer.from(sse)), ...framing.end()];
  const pieces = [...events.flatMap((event) => reader.push(event)), ...reader.end()];
  const written = [...pieces.flatMap((piece) => writer.push(piece)), ...writer.end()];
  return written.map(writeSse).join('');
}

async function faultsOf(exchange: Exchange, target: ChatFormat, client: Client) {
  const wanted = toldBy(exchange);
  let got: Told;
  try {
    const body = translate(exchange, target);
    got = await (exchange.response.kind === 'json'
      ? client.whole({ body })
      : client.stream({ body }));
  } catch (error) {
    return wanted.failed ? [] : [`raised ${String(error).slice(0, 300)}`];
  }
  if (wanted.failed) return ['the client did not raise the error that the stream carries'];
  return [
    ...describeFault('text', wanted.text, got.text),
    ...describeFault('reasoning', wanted.reasoning, got.reasoning),
    ...describeFault('calls', wanted.calls, got.calls),
    ...describeFault('stop', wanted.stop, got.stop),
    ...(wanted.usage === undefined ? [] : describeFault('usage', wanted.usage, got.usage)),
  ];
}

describe.skipIf(!hasCorpus)('recorded replies', () => {
  test('say the same to the official clients of either format', async () => {
    const tally = new Tally(known);
    for (const exchange of exchangesOf('chat', 'messages')) {
      if (exchange.response.status !== 200) continue;
      for (const [target, client] of targets) {
        tally.add(exchange, `to ${target.name}`, await faultsOf(exchange, target, client));
      }
    }
    console.log(tally.table('Replies, by provider/endpoint/kind'));
    expect(tally.misses).toEqual([]);
    expect(tally.staleKnown).toEqual([]);
  });
});
