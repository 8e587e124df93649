/** How signed requests reach the store: one POST at a time over connections that are kept. */

export type TransportReply = { status: number; body: string };

export type Transport = {
  /** Rejects on any transport fault; `headers` is a flat list of names and values. */
  post(headers: string[], body: string): Promise<TransportReply>;
  close(): Promise<void>;
};

export const storeTimeouts = { connectMs: 1_000, requestMs: 3_000 } as const;

/** More answers at once would wait for each other anyway: a partition serves about this many. */
export const storeConnectionsMax = 64;
