/** The store over undici's dispatcher: the least work per call, for processes that live long. */
import type { Dispatcher } from 'undici';
import Pool from 'undici/lib/dispatcher/pool.js';
import {
  storeConnectionsMax,
  storeTimeouts,
  type Transport,
  type TransportReply,
} from './transport.ts';

export function createUndiciTransport(endpoint: string): Transport {
  const pool = new Pool(new URL(endpoint).origin, {
    connections: storeConnectionsMax,
    connect: { timeout: storeTimeouts.connectMs },
    headersTimeout: storeTimeouts.requestMs,
    bodyTimeout: storeTimeouts.requestMs,
    keepAliveTimeout: 30_000,
    allowH2: false,
  });
  return {
    post(headers, body) {
      return new Promise((resolve, reject) => {
        pool.dispatch({ path: '/', method: 'POST', headers, body }, gather(resolve, reject));
      });
    },
    close: () => pool.close(),
  };
}

function gather(
  resolve: (reply: TransportReply) => void,
  reject: (error: Error) => void,
): Dispatcher.DispatchHandler {
  let status = 0;
  let first: Buffer | undefined;
  let all: Buffer[] | undefined;
  return {
    onRequestStart() {},
    onResponseStart(_controller, statusCode) {
      status = statusCode;
    },
    onResponseData(_controller, chunk) {
      if (first === undefined) first = chunk;
      else if (all === undefined) all = [first, chunk];
      else all.push(chunk);
    },
    onResponseEnd() {
      const bytes = all === undefined ? first : Buffer.concat(all);
      resolve({ status, body: bytes === undefined ? '' : bytes.toString('utf8') });
    },
    onResponseError(_controller, error) {
      reject(error);
    },
  };
}
