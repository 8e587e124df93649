/**
 * Sends requests to upstreams over Node's own HTTP client: the client for Lambda, where one call at
 * a time lives in an environment and every millisecond of loading is waited for.
 */
import type { Agent, ClientRequest, IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { UpstreamRequest } from '../core/ports.ts';
import { guardedLookup } from './address-guard.ts';
import { decodedReply } from './decode-body.ts';
import { Exchange } from './exchange.ts';
import {
  type ClosableUpstream,
  cancelledFault,
  connectionsMaxDefault,
  createTargets,
  failWith,
  headerList,
  keepAliveMs,
  limitsOf,
  plainHeaders,
  type UpstreamOptions,
  type UpstreamTarget,
} from './upstream-common.ts';

/** A client and its connections, loaded when the first request of its scheme is sent. */
type Client = { agent: Agent; request: typeof import('node:http').request };

export function createNodeUpstream(options: UpstreamOptions): ClosableUpstream {
  const limits = limitsOf(options);
  const targetOf = createTargets(options.allowPrivateAddresses);
  const clients = new Map<string, Client>();
  const clientOf = (scheme: string): Client => {
    const known = clients.get(scheme);
    if (known !== undefined) return known;
    const client = openClient(scheme, options);
    clients.set(scheme, client);
    return client;
  };
  return {
    async send(request) {
      if (request.cancellation.cancelled) throw cancelledFault(request.cancellation.because);
      const target = targetOf(request.url);
      const client = clientOf(target.url.protocol);
      const exchange = new Exchange(request, limits);
      try {
        carry(exchange, openRequest(client, target, request), request.body);
      } catch (error) {
        // Node throws at once for a header that HTTP cannot carry.
        failWith(exchange, error instanceof Error ? error : new Error('unknown'));
      }
      return decodedReply(await exchange.reply, limits.replyBytesMax);
    },
    async close() {
      for (const client of clients.values()) client.agent.destroy();
      clients.clear();
    },
  };
}

/**
 * `getBuiltinModule` and not `import`: a namespace of `node:http` evaluates its every export, and
 * one of them loads the whole of Node's own fetch (45 ms).
 */
function openClient(scheme: string, options: UpstreamOptions): Client {
  const agentOptions = {
    keepAlive: true,
    keepAliveMsecs: keepAliveMs,
    maxSockets: options.connectionsMax ?? connectionsMaxDefault,
    ...(options.allowPrivateAddresses ? {} : { lookup: guardedLookup() }),
  };
  if (scheme === 'https:') {
    const https = process.getBuiltinModule('node:https');
    return { agent: new https.Agent(agentOptions), request: https.request };
  }
  const http = process.getBuiltinModule('node:http');
  return { agent: new http.Agent(agentOptions), request: http.request };
}

function openRequest(client: Client, target: UpstreamTarget, request: UpstreamRequest) {
  const { hostname, port } = target.url;
  return client.request({
    method: 'POST',
    agent: client.agent,
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? undefined : port,
    path: target.path,
    headers: [
      'host',
      target.url.host,
      ...headerList(request),
      'content-length',
      String(request.body.byteLength),
    ],
  });
}

/** Tells the exchange what happens to a request. */
function carry(exchange: Exchange, request: ClientRequest, body: Uint8Array): void {
  let reply: IncomingMessage | undefined;
  exchange.attach({
    abort: () => request.destroy(),
    pause: () => reply?.pause(),
    resume: () => reply?.resume(),
  });
  request.on('error', (error) => failWith(exchange, error));
  request.on('socket', (socket) => whenConnected(socket, () => exchange.started()));
  request.on('response', (response: IncomingMessage) => {
    reply = response;
    exchange.answered(response.statusCode ?? 0, plainHeaders(response.headers));
    response.on('data', (chunk: Uint8Array) => exchange.chunk(chunk));
    response.on('end', () => exchange.ended());
    response.on('error', (error) => failWith(exchange, error));
    response.on('close', () => failWith(exchange, new Error('closed')));
  });
  request.end(body);
}

function whenConnected(socket: Socket, react: () => void): void {
  if (!socket.connecting) react();
  else socket.once('encrypted' in socket ? 'secureConnect' : 'connect', react);
}
