/** What both upstream clients share: options, targets checked once, headers, names for errors. */
import { type Upstream, UpstreamFault, type UpstreamRequest } from '../core/ports.ts';
import { checkUpstreamUrl, RefusedAddress } from './address-guard.ts';
import type { Exchange, ExchangeLimits } from './exchange.ts';

export type UpstreamOptions = Partial<ExchangeLimits> & {
  /** Lets requests reach loopback and private networks; for tests and models of one's own. */
  allowPrivateAddresses: boolean;
  /** Connections to one origin at a time; further requests wait for one within `connectMs`. */
  connectionsMax?: number;
};

export type ClosableUpstream = Upstream & {
  /** Ends every request under way and every idle connection. */
  close(): Promise<void>;
};

export const connectionsMaxDefault = 1_024;
/** Idle connections are kept this long unless the upstream says less; load balancers keep 60 s. */
export const keepAliveMs = 30_000;
const queuedBytesMaxDefault = 256 * 1024;
/** A function URL streams no more than this. */
const replyBytesMaxDefault = 200 * 1024 * 1024;

export function limitsOf(options: UpstreamOptions): ExchangeLimits {
  return {
    queuedBytesMax: options.queuedBytesMax ?? queuedBytesMaxDefault,
    replyBytesMax: options.replyBytesMax ?? replyBytesMaxDefault,
  };
}

export type UpstreamTarget = { origin: string; url: URL; path: string };

/** URLs are few: a provider's base and a format's path. More than this is forgotten, not kept. */
const targetsMax = 1_000;

/** Headers that belong to the connection, or that we set ourselves. */
const ownHeaders = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'content-length',
  'upgrade',
  'expect',
  'te',
  'trailer',
  'accept-encoding',
]);

/** Throws an `UpstreamFault` for a URL that must not or cannot be dialled. */
export function createTargets(allowPrivateAddresses: boolean): (url: string) => UpstreamTarget {
  const known = new Map<string, UpstreamTarget>();
  return (text) => {
    const found = known.get(text);
    if (found !== undefined) return found;
    const target = readTarget(text, allowPrivateAddresses);
    if (known.size >= targetsMax) known.clear();
    known.set(text, target);
    return target;
  };
}

function readTarget(text: string, allowPrivateAddresses: boolean): UpstreamTarget {
  if (!URL.canParse(text)) throw new UpstreamFault('connect', 'the upstream URL cannot be read');
  const url = new URL(text);
  try {
    checkUpstreamUrl(url, allowPrivateAddresses);
  } catch (error) {
    if (!(error instanceof RefusedAddress)) throw error;
    throw new UpstreamFault('refused_address', error.message);
  }
  return { origin: url.origin, url, path: url.pathname + url.search };
}

/** The request's headers as a flat list of names and values. */
export function headerList(request: UpstreamRequest): string[] {
  const list = ['accept-encoding', 'identity'];
  for (const name in request.headers) {
    const value = request.headers[name];
    if (value !== undefined && !ownHeaders.has(name.toLowerCase())) list.push(name, value);
  }
  return list;
}

/** Headers as clients give them (repeated ones as lists) as one plain record of texts. */
export function plainHeaders(
  headers: Record<string, string | string[] | undefined>,
): Record<string, string> {
  const plain: Record<string, string> = {};
  for (const name in headers) {
    const value = headers[name];
    if (typeof value === 'string') plain[name] = value;
    else if (value !== undefined) plain[name] = value.join(', ');
  }
  return plain;
}

export function cancelledFault(because: string | undefined): UpstreamFault {
  return new UpstreamFault('cancelled', because ?? 'cancelled');
}

/** Names a client's error. Messages are ours: a client's may carry what a header held. */
export function failWith(exchange: Exchange, error: Error): void {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name;
  if (error instanceof RefusedAddress) {
    exchange.fail('refused_address', error.message, error);
  } else if (code === 'UND_ERR_HEADERS_OVERFLOW' || code === 'HPE_HEADER_OVERFLOW') {
    exchange.fail('too_large', 'the reply headers are too large', error);
  } else if (exchange.connecting) {
    exchange.fail('connect', `no connection (${code})`, error);
  } else {
    exchange.fail('cut', `the connection ended early (${code})`, error);
  }
}
