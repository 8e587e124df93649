import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import type { Problem, ProblemCode, UpstreamProblem } from '../../lambdas/core/problem.ts';
import { problem } from '../../lambdas/core/problem.ts';
import { anthropicMessages } from '../../lambdas/formats/anthropic-messages.ts';
import type { ChatFormat } from '../../lambdas/formats/format.ts';
import { openaiChat } from '../../lambdas/formats/openai-chat.ts';
import { createSseReader } from '../../lambdas/formats/sse.ts';
import type { Exchange } from '../support/corpus.ts';
import {
  describeFault,
  exchangesOf,
  formatOf,
  hasCorpus,
  syntheticErrors,
  Tally,
} from '../support/corpus.ts';
import type { Client } from '../support/sdk-clients.ts';
import { anthropicClient, openaiClient } from '../support/sdk-clients.ts';

type ErrorClass = UpstreamProblem['class'];

const classByStatus: Record<number, ErrorClass> = {
  400: 'caller',
  401: 'credential',
  402: 'credential',
  403: 'credential',
  404: 'caller',
  413: 'caller',
  422: 'caller',
  429: 'capacity',
  500: 'health',
  502: 'health',
  503: 'health',
  504: 'health',
  529: 'health',
};

/** Where more than the status decides. */
const classById: Record<string, ErrorClass> = {
  // An account without money is the operator's to fill; waiting does not help.
  'synthetic-openai-chat-429-quota': 'credential',
};

const codeByClass: Record<ErrorClass, ProblemCode> = {
  caller: 'upstream_rejected',
  capacity: 'upstream_overloaded',
  credential: 'upstream_credential_rejected',
  health: 'upstream_failed',
};

const raisedByOpenai: Record<number, unknown> = {
  400: OpenAI.BadRequestError,
  404: OpenAI.NotFoundError,
  422: OpenAI.UnprocessableEntityError,
  502: OpenAI.InternalServerError,
  503: OpenAI.InternalServerError,
};
const raisedByAnthropic: Record<number, unknown> = {
  400: Anthropic.BadRequestError,
  404: Anthropic.NotFoundError,
  422: Anthropic.UnprocessableEntityError,
  502: Anthropic.InternalServerError,
};

const callers: [ChatFormat, Client, Record<number, unknown>, new (...all: never[]) => Error][] = [
  [openaiChat, openaiClient, raisedByOpenai, OpenAI.APIError],
  [anthropicMessages, anthropicClient, raisedByAnthropic, Anthropic.APIError],
];

function read(exchange: Exchange): UpstreamProblem {
  const { status, headers, json, text } = exchange.response;
  return formatOf(exchange).readError(status, headers, json ?? text);
}

/** What the caller of a call that ended so is told. */
function toldAs(upstream: UpstreamProblem): Problem {
  const code = codeByClass[upstream.class];
  return upstream.class === 'caller'
    ? problem(code, upstream.message, { status: upstream.status ?? 400 })
    : problem(code, 'The provider failed.');
}

async function faultsOf(upstream: UpstreamProblem, [format, client, raised, base]: Caller) {
  const told = toldAs(upstream);
  const body = JSON.stringify(format.writeError(told, 'call-1'));
  try {
    await client.whole({ status: told.status, body });
    return ['the client raised nothing'];
  } catch (error) {
    const wanted = (raised[told.status] ?? base) as typeof base;
    const isRight = error instanceof wanted && error.message.includes(told.message);
    const { status } = error as { status?: number };
    return [
      ...(isRight ? [] : [`raised ${String(error)} for status ${told.status}`]),
      ...describeFault('status', told.status, status),
    ];
  }
}
type Caller = (typeof callers)[number];

describe.skipIf(!hasCorpus)('recorded errors', () => {
  const failures = [...exchangesOf('chat', 'messages'), ...syntheticErrors()].filter(
    ({ endpoint, response }) => ['chat', 'messages'].includes(endpoint) && response.status >= 400,
  );

  test('are classed by whom they concern, and raised by the official clients', async () => {
    const tally = new Tally();
    for (const exchange of failures) {
      const upstream = read(exchange);
      const wanted = classById[exchange.id] ?? classByStatus[exchange.response.status];
      tally.add(exchange, 'class', describeFault('class', wanted, upstream.class));
      for (const caller of callers) {
        tally.add(exchange, `in ${caller[0].name}`, await faultsOf(upstream, caller));
      }
    }
    console.log(tally.table('Errors, by provider/endpoint/kind'));
    expect(failures.length).toBeGreaterThan(0);
    expect(tally.misses).toEqual([]);
  });

  test('say how long to wait where the provider does', () => {
    const waits = failures.flatMap((exchange) => {
      const given = exchange.response.headers['retry-after-ms'];
      return given === undefined ? [] : [[Number(given), read(exchange).retryAfterMs]];
    });
    expect(waits.length).toBeGreaterThan(0);
    for (const [given, wait] of waits) expect(wait).toBe(given);
  });
});

describe.skipIf(!hasCorpus)('streams that fail after they began', () => {
  const streams = syntheticErrors().filter(
    ({ endpoint, response }) => ['chat', 'messages'].includes(endpoint) && response.status === 200,
  );

  test.each(streams.map((exchange) => [exchange.id, exchange] as const))(
    '%s ends in an error, never in silence',
    (_, exchange) => {
      const framing = createSseReader();
      const reader = formatOf(exchange).readPieces({});
      const events = [...framing.push(Buffer.from(exchange.response.sse ?? '')), ...framing.end()];
      const pieces = [...events.flatMap((event) => reader.push(event)), ...reader.end()];
      const said = pieces.flatMap((piece) => (piece.type === 'text-delta' ? [piece.text] : []));
      expect(said.join('')).toBe('Hel');
      expect(pieces.at(-1)).toMatchObject({ type: 'reply-end', reason: 'error' });
    },
  );
});
