/** What a simulated provider needs from a wire format, and how a body is refused. */
import type { SimulatedAsk, SimulatedReply } from './script.ts';

export type SimulatedWire = {
  path: string;
  read(body: unknown): SimulatedAsk;
  whole(reply: SimulatedReply): unknown;
  /** Every frame of the stream, as bytes on the wire; the opening ones count no token. */
  frames(reply: SimulatedReply): { opening: string[]; tokens: string[]; closing: string[] };
  error(status: number, message: string): unknown;
  /** What this format's servers answer with when they have too much to do. */
  overloadedStatus: number;
};

/** A request that a real server would refuse too. */
export class SimulatedRefusal extends Error {
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.name = 'SimulatedRefusal';
    this.status = status;
  }
}
