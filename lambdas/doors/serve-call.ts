/** One call through the local door: its body read within bounds, its reply written to the end. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createCancellation } from '../core/cancellation.ts';
import type { HttpCall, HttpReply } from '../core/http.ts';
import { problem } from '../core/problem.ts';
import { limits } from '../core/settings.ts';
import { type RequestBody, readRequest, swallowRest } from './read-request.ts';
import { sendReply } from './send-reply.ts';

export type Serving = {
  handle: (call: HttpCall) => Promise<HttpReply>;
  /** Hears of what no caller can be told: a call or a head that threw. */
  onFault?: (fault: unknown) => void;
};

/** Resolves once the call is over and settled; never rejects. */
export async function serveCall(
  { handle, onFault }: Serving,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const left = createCancellation();
  response.once('close', () => {
    if (!response.writableFinished) left.cancel('the caller left');
  });
  response.on('error', () => {});
  let reply: HttpReply | undefined;
  try {
    const body = await readRequest(request, limits.requestBytesMax);
    reply = await handle({ ...headOf(request), body: body.bytes, left });
    writeHead(reply, body, response);
    if (!body.complete && reply.body instanceof Uint8Array) {
      // The caller hears at once, and may then go on sending until it has heard.
      response.write(reply.body);
      await swallowRest(request);
      response.end();
      await reply.finished;
    } else {
      await sendReply(reply, response);
    }
    await untilWritten(response);
  } catch (fault) {
    if (!response.headersSent && !request.socket.destroyed) {
      onFault?.(fault);
      return answerFault(reply, response);
    }
    // Either the caller has gone, or the reply broke off: the connection says so by ending, once
    // what was written before has left.
    setImmediate(() => response.socket?.destroySoon());
  }
}

/** A reply that cannot begin is given up, which settles its call. */
async function answerFault(reply: HttpReply | undefined, response: ServerResponse): Promise<void> {
  if (reply !== undefined && !(reply.body instanceof Uint8Array)) reply.body.cancel();
  for (const name of response.getHeaderNames()) response.removeHeader(name);
  const { status, code, message } = problem('internal', 'The gateway failed.');
  const error = { message, type: 'server_error', code };
  const body = Buffer.from(JSON.stringify({ error }));
  response.shouldKeepAlive = false;
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': body.byteLength,
  });
  response.end(body);
  await reply?.finished;
}

function headOf(request: IncomingMessage): Omit<HttpCall, 'body'> {
  const target = request.url ?? '/';
  const mark = target.indexOf('?');
  const headers: Record<string, string> = {};
  for (const name in request.headers) {
    const value = request.headers[name];
    if (value !== undefined) headers[name] = typeof value === 'string' ? value : value.join(', ');
  }
  return {
    method: request.method ?? 'GET',
    path: mark < 0 ? target : target.slice(0, mark),
    query: mark < 0 ? '' : target.slice(mark + 1),
    headers,
  };
}

function writeHead(reply: HttpReply, body: RequestBody, response: ServerResponse): void {
  if (reply.body instanceof Uint8Array) {
    response.setHeader('content-length', reply.body.byteLength);
  }
  if (!body.complete) response.shouldKeepAlive = false;
  response.writeHead(reply.status, reply.headers);
}

/** An ended reply may still be on its way to a slow reader. */
function untilWritten(response: ServerResponse): Promise<void> {
  if (response.writableFinished || response.closed) return Promise.resolve();
  return new Promise((resolve) => {
    response.once('finish', resolve);
    response.once('close', resolve);
  });
}
