/** The local door: a plain Node HTTP server over any gateway, which knows when a caller leaves. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Serving, serveCall } from './serve-call.ts';

export type LocalDoorOptions = Serving & {
  /** 0: any free port. */
  port: number;
  host?: string;
};

export type LocalDoor = {
  url: string;
  /**
   * Lets nobody in, waits for the calls in flight and their settling, then ends what is left.
   * Resolves to whether all of them came to their own end.
   */
  close(patienceMs?: number): Promise<boolean>;
};

const patienceMsDefault = 30_000;

/** Rejects when the port cannot be had. */
export async function startLocalDoor(options: LocalDoorOptions): Promise<LocalDoor> {
  const { port, host = '127.0.0.1' } = options;
  const inFlight = new Set<Promise<void>>();
  let draining = false;
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    // A connection that stays open would keep the door from closing.
    if (draining) response.shouldKeepAlive = false;
    const served = serveCall(options, request, response);
    inFlight.add(served);
    served.finally(() => inFlight.delete(served));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, host }, resolve);
  });
  const address = server.address();
  const bound = address !== null && typeof address === 'object' ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    async close(patienceMs = patienceMsDefault) {
      draining = true;
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      const timer = setTimeout(() => server.closeAllConnections(), patienceMs);
      const inTime = Date.now() + patienceMs;
      // What was let in before the door closed may still be arriving.
      while (inFlight.size > 0) await Promise.all(inFlight);
      clearTimeout(timer);
      server.closeAllConnections();
      await closed;
      return Date.now() < inTime;
    },
  };
}
