/** The Lambda door over any gateway: a function URL's event in, a streamed answer out. */
import middy from '@middy/core';
import type { Context, LambdaFunctionURLEvent, StreamifyHandler } from 'aws-lambda';
import type { HttpCall, HttpReply } from '../core/http.ts';
import { sendReply } from './send-reply.ts';

export type Handle = (call: HttpCall) => Promise<HttpReply>;

/**
 * Middlewares may be hung on the way in; the way out streams here and not in middy, whose pipeline
 * destroys the sink when a body fails: the fault is lost and the environment dies of it.
 */
export function createLambdaHandler(
  handle: Handle,
): StreamifyHandler<LambdaFunctionURLEvent, void> {
  const answer = middy<LambdaFunctionURLEvent, HttpReply>(
    (event: LambdaFunctionURLEvent, context: Context) => handle(readCall(event, context)),
    { timeoutEarlyInMillis: 0 },
  );
  return awslambda.streamifyResponse<LambdaFunctionURLEvent>(async (event, sink, context) => {
    const reply: HttpReply = await answer(event, context);
    const prelude = { statusCode: reply.status, headers: reply.headers };
    await sendReply(reply, awslambda.HttpResponseStream.from(sink, prelude));
  });
}

/** Reads an event of payload version 2.0, whose header names are lower-case already. */
export function readCall(event: LambdaFunctionURLEvent, context: Context): HttpCall {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(event.headers)) {
    if (value !== undefined) headers[name] = value;
  }
  return {
    method: event.requestContext.http.method,
    path: event.rawPath,
    query: event.rawQueryString,
    headers,
    body: Buffer.from(event.body ?? '', event.isBase64Encoded ? 'base64' : 'utf8'),
    processEndsAt: Date.now() + context.getRemainingTimeInMillis(),
  };
}
