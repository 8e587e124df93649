/** Simulated providers as HTTP servers on this machine: real requests, streams and faults. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { anthropicMessagesWire } from './anthropic-messages.ts';
import { openaiChatWire } from './openai-chat.ts';
import {
  composeReply,
  faultOf,
  type SimulatedAsk,
  type SimulatedProvider,
  type SimulatedReply,
  simulatedModels,
  simulatedProviders,
} from './script.ts';
import { SimulatedRefusal, type SimulatedWire } from './wire.ts';

export type SimulatedServer = {
  /** Where the providers live: each below its own name. */
  url: string;
  close(): Promise<void>;
};

const bodyBytesMax = 8 * 1024 * 1024;
const wires: Record<SimulatedProvider['format'], SimulatedWire> = {
  'openai-chat': openaiChatWire,
  'anthropic-messages': anthropicMessagesWire,
};

/** Serves every simulated provider from one loopback port. */
export async function startSimulatedProviders(
  providers: readonly SimulatedProvider[] = simulatedProviders,
): Promise<SimulatedServer> {
  const counts = new Map<string, number>();
  const server = createServer((request, response) => {
    // A caller who leaves in the middle is no fault of a server.
    response.on('error', () => {});
    serve(providers, counts, request, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
  const address = server.address();
  const port = address !== null && typeof address === 'object' ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}`,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function serve(
  providers: readonly SimulatedProvider[],
  counts: Map<string, number>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const path = request.url ?? '';
  const provider = providers.find((known) => path.startsWith(`/${known.name}/`));
  const wire = wires[provider?.format ?? 'openai-chat'];
  const body = await readBody(request);
  if (body === undefined) return sendError(response, wire, 413, 'The request is too large.');
  if (provider === undefined || path !== `/${provider.name}${wire.path}`) {
    return sendError(response, wire, 404, 'Simulated: there is nothing here.');
  }
  const nth = (counts.get(provider.name) ?? 0) + 1;
  counts.set(provider.name, nth);
  let ask: SimulatedAsk;
  try {
    ask = readAsk(wire, body);
  } catch (error) {
    if (!(error instanceof SimulatedRefusal)) throw error;
    return sendError(response, wire, error.status, `Simulated: ${error.message}`);
  }
  const fault = faultOf(provider, nth);
  if (fault === 'overloaded') {
    return sendError(response, wire, wire.overloadedStatus, 'Simulated: overloaded.');
  }
  const reply = composeReply(provider, ask, nth);
  await pause(provider.firstTokenMs);
  if (ask.stream) return sendStream(response, wire, provider, reply, fault === 'cut');
  await pause((reply.outputTokens / provider.tokensPerSecond) * 1000);
  sendJson(response, 200, wire.whole(reply));
}

function readAsk(wire: SimulatedWire, body: string): SimulatedAsk {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch {
    throw new SimulatedRefusal(400, 'the body is not JSON.');
  }
  const ask = wire.read(parsed);
  if (!simulatedModels.some((name) => name === ask.model)) {
    throw new SimulatedRefusal(404, `there is no model ${JSON.stringify(ask.model)}.`);
  }
  return ask;
}

async function sendStream(
  response: ServerResponse,
  wire: SimulatedWire,
  provider: SimulatedProvider,
  reply: SimulatedReply,
  breaksOff: boolean,
): Promise<void> {
  const { opening, tokens, closing } = wire.frames(reply);
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.write(opening.join(''));
  const startedAt = performance.now();
  for (const [index, token] of tokens.entries()) {
    const dueMs = startedAt + ((index + 1) / provider.tokensPerSecond) * 1000;
    const waitMs = dueMs - performance.now();
    if (waitMs > 1) await pause(waitMs);
    if (response.destroyed) return;
    if (breaksOff && index >= tokens.length / 2) return void response.destroy();
    response.write(token);
  }
  response.end(closing.join(''));
}

/** An answer that is still being thought over keeps no process alive. */
function pause(ms: number): Promise<void> {
  return sleep(ms, undefined, { ref: false });
}

function sendError(
  response: ServerResponse,
  wire: SimulatedWire,
  status: number,
  message: string,
): void {
  sendJson(response, status, wire.error(status, message));
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  const body = Buffer.from(JSON.stringify(value));
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.byteLength,
  });
  response.end(body);
}

/** The body as text; `undefined` where it is too large. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.byteLength;
    if (size <= bodyBytesMax) chunks.push(chunk);
  }
  return size > bodyBytesMax ? undefined : Buffer.concat(chunks).toString('utf8');
}
