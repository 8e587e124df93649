/**
 * Sends requests to upstreams over undici's connection pools: the client for doors that serve many
 * calls at once. `upstream-node.ts` keeps the same contract where start-up time rules.
 */
import type { Dispatcher } from 'undici';
import Pool from 'undici/lib/dispatcher/pool.js';
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
} from './upstream-common.ts';

/** A call's own `connectMs` ends its waiting; this ends the socket's. */
const socketConnectMs = 10_000;
/** Origins with open pools; the oldest is closed when there are more. */
const poolsMax = 256;

export function createUpstream(options: UpstreamOptions): ClosableUpstream {
  const limits = limitsOf(options);
  const targetOf = createTargets(options.allowPrivateAddresses);
  const pools = new Map<string, Dispatcher>();
  const poolOf = (origin: string): Dispatcher => {
    const known = pools.get(origin);
    if (known !== undefined) return known;
    const pool = openPool(origin, options);
    for (const [oldest, old] of pools) {
      if (pools.size < poolsMax) break;
      pools.delete(oldest);
      old.close().catch(() => {});
    }
    pools.set(origin, pool);
    return pool;
  };
  return {
    async send(request) {
      if (request.cancellation.cancelled) throw cancelledFault(request.cancellation.because);
      const target = targetOf(request.url);
      const exchange = new Exchange(request, limits);
      poolOf(target.origin).dispatch(
        { method: 'POST', path: target.path, headers: headerList(request), body: request.body },
        new Handler(exchange),
      );
      return decodedReply(await exchange.reply, limits.replyBytesMax);
    },
    async close() {
      const open = [...pools.values()];
      pools.clear();
      await Promise.all(open.map((pool) => pool.destroy()));
    },
  };
}

function openPool(origin: string, options: UpstreamOptions): Dispatcher {
  return new Pool(origin, {
    connections: options.connectionsMax ?? connectionsMaxDefault,
    allowH2: false,
    keepAliveTimeout: keepAliveMs,
    // The exchange has its own timers, which know a call's own limits.
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: {
      timeout: socketConnectMs,
      ...(options.allowPrivateAddresses ? {} : { lookup: guardedLookup() }),
    },
  });
}

/** Hears what undici has to say of one request, and passes it to the exchange. */
class Handler implements Dispatcher.DispatchHandler {
  readonly #exchange: Exchange;

  constructor(exchange: Exchange) {
    this.#exchange = exchange;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#exchange.attach({
      abort: () => controller.abort(new Error('given up')),
      pause: () => controller.pause(),
      resume: () => controller.resume(),
    });
    this.#exchange.started();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (status >= 200) this.#exchange.answered(status, plainHeaders(headers));
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#exchange.chunk(chunk);
  }

  onResponseEnd(): void {
    this.#exchange.ended();
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    failWith(this.#exchange, error);
  }
}
