/** What crosses the border of the gateway: one plain call in, one plain reply out. */
import type { Cancellation } from './cancellation.ts';

/** One HTTP request as every door hands it over. Header names are lower-case. */
export type HttpCall = {
  method: string;
  /** Path without the query, percent-encoding as received. */
  path: string;
  /** Query without the question mark; empty where there is none. */
  query: string;
  headers: Record<string, string>;
  body: Uint8Array;
  /** Cancelled when the door learns that the caller has left; absent where a door cannot know. */
  left?: Cancellation;
  /** Epoch milliseconds at which this process must have ended (Lambda); absent on a server. */
  processEndsAt?: number;
};

/**
 * Bytes that are still arriving. `next` gives the next chunk, or `undefined` once the last one has
 * been given; it rejects when the source fails. `cancel` gives up interest: nothing more is read.
 */
export type ByteSource = {
  next(): Promise<Uint8Array | undefined>;
  cancel(): void;
};

/**
 * The gateway's answer. `finished` resolves once the call is settled and recorded, and never
 * rejects; a door awaits it after the body has ended (decision 0002).
 */
export type HttpReply = {
  status: number;
  headers: Record<string, string>;
  body: Uint8Array | ByteSource;
  finished: Promise<void>;
};
