import { describe, expect, test } from 'vitest';
import type { ChatAsk } from '../../lambdas/core/ask.ts';
import { anthropicMessages } from '../../lambdas/formats/anthropic-messages.ts';
import type { UpstreamDemand } from '../../lambdas/formats/format.ts';
import { openaiChat } from '../../lambdas/formats/openai-chat.ts';
import type { Exchange, Raw } from '../support/corpus.ts';
import { exchangesOf, formatOf, hasCorpus, Tally } from '../support/corpus.ts';
import { differences, isNamed, plainChat, plainMessages } from '../support/corpus-requests.ts';

/** What cannot be read or written again, each with the reason. */
const known: Record<string, string> = {
  'openrouter-chat-017ab49b5b return': 'images of a tool result go as a user message of their own',
  'openrouter-chat-3c07f9e6c6 return': 'a budget for reasoning is said as an effort',
  'openrouter-chat-ac365d418c return': 'a budget for reasoning is said as an effort',
};

const outputTokensMax = 4_096;

/** Azure's older paths name the model, so that its bodies need not. */
function requestOf(exchange: Exchange): Raw | undefined {
  const body = exchange.request?.body;
  if (typeof body !== 'object' || body === null) return undefined;
  return exchange.provider === 'azure' ? { model: exchange.model, ...body } : body;
}

function demandFor(ask: ChatAsk): UpstreamDemand {
  return { model: ask.model, outputTokensMax: ask.outputTokensMax ?? outputTokensMax, quirks: {} };
}

/** Same format in and out: equal, or the difference is named. */
function faultsOfReturn(exchange: Exchange, ask: ChatAsk): string[] {
  const plain = exchange.endpoint === 'messages' ? plainMessages : plainChat;
  const written = formatOf(exchange).writeAsk(ask, demandFor(ask));
  const names = [...written.dropped, ...Object.keys(ask.extras)];
  return differences(plain(requestOf(exchange)), plain(written.body))
    .filter((path) => !isNamed(path, names))
    .map((path) => `unnamed difference at ${path}`);
}

/** Into the other format: what is written there, its own strict reader accepts. */
function faultsOfCrossing(exchange: Exchange, ask: ChatAsk): string[] {
  const other = exchange.endpoint === 'messages' ? openaiChat : anthropicMessages;
  const { body } = other.writeAsk(ask, demandFor(ask));
  try {
    const back = other.readAsk(JSON.parse(JSON.stringify(body)));
    const calls = (of: ChatAsk) =>
      of.turns.flatMap((turn) => turn.parts.filter((part) => part.type === 'tool-call')).length;
    return calls(back) === calls(ask) ? [] : ['tool calls were lost'];
  } catch (error) {
    return [`the other format's reader refused: ${String(error)}`];
  }
}

describe.skipIf(!hasCorpus)('recorded requests', () => {
  test('survive their own format and cross into the other', () => {
    const tally = new Tally(known);
    for (const exchange of exchangesOf('chat', 'messages')) {
      const body = requestOf(exchange);
      if (body === undefined) continue;
      let ask: ChatAsk;
      try {
        ask = formatOf(exchange).readAsk(body);
        tally.add(exchange, 'read', []);
      } catch (error) {
        // What the provider refused too was rightly refused.
        const refused = exchange.response.status >= 400;
        tally.add(exchange, 'read', refused ? [] : [String(error)]);
        continue;
      }
      tally.add(exchange, 'return', faultsOfReturn(exchange, ask));
      tally.add(exchange, 'cross', faultsOfCrossing(exchange, ask));
    }
    console.log(tally.table('Requests, by provider/endpoint/kind of reply'));
    expect(tally.misses).toEqual([]);
    expect(tally.staleKnown).toEqual([]);
  });
});
