/**
 * One request to an upstream under way, whichever HTTP client carries it: its phases and their
 * timers, its faults, and the queue of body bytes between the socket and a slower reader.
 */
import type { ByteSource } from '../core/http.ts';
import {
  type FaultCode,
  UpstreamFault,
  type UpstreamReply,
  type UpstreamRequest,
} from '../core/ports.ts';

export type ExchangeLimits = {
  /** Bytes that may wait for the reader before the socket is paused. */
  queuedBytesMax: number;
  /** A reply longer than this is a fault, never a full memory. */
  replyBytesMax: number;
};

/** What the exchange may do to the client's request. */
export type Carrier = { abort(): void; pause(): void; resume(): void };

type Settle<Value> = { resolve(value: Value): void; reject(error: Error): void };

/** connecting → waiting → streaming → over; `over` is final, and nothing is heard after it. */
type Phase = 'connecting' | 'waiting' | 'streaming' | 'over';

export class Exchange implements ByteSource {
  readonly reply: Promise<UpstreamReply>;
  readonly #request: UpstreamRequest;
  readonly #limits: ExchangeLimits;
  #stopListening: () => void = () => {};
  readonly #chunks: Uint8Array[] = [];
  #replySettle: Settle<UpstreamReply> | undefined;
  #reader: Settle<Uint8Array | undefined> | undefined;
  #phase: Phase = 'connecting';
  #carrier: Carrier | undefined;
  #timer: NodeJS.Timeout | undefined;
  #fault: UpstreamFault | undefined;
  #queuedBytes = 0;
  #totalBytes = 0;
  #paused = false;

  constructor(request: UpstreamRequest, limits: ExchangeLimits) {
    this.#request = request;
    this.#limits = limits;
    this.reply = new Promise((resolve, reject) => {
      this.#replySettle = { resolve, reject };
    });
    this.#arm(request.timeouts.connectMs, 'connect', 'no connection in time');
    this.#stopListening = request.cancellation.onCancel((because) => {
      this.#chunks.length = 0;
      this.fail('cancelled', because);
    });
  }

  get over(): boolean {
    return this.#phase === 'over';
  }

  /** True until a connection is there to write the request on. */
  get connecting(): boolean {
    return this.#phase === 'connecting';
  }

  /** From here on the request can be ended, paused and resumed. */
  attach(carrier: Carrier): void {
    if (this.#phase === 'over') carrier.abort();
    else this.#carrier = carrier;
  }

  /** There is a connection, and the request is being written to it. */
  started(): void {
    if (this.#phase !== 'connecting') return;
    this.#phase = 'waiting';
    this.#arm(this.#request.timeouts.firstByteMs, 'timeout', 'no answer in time');
  }

  /** The answer's head is here; its body may still keep us waiting. */
  answered(status: number, headers: Record<string, string>): void {
    if (this.#phase === 'over') return;
    this.#replySettle?.resolve({ status, headers, body: this });
    this.#replySettle = undefined;
  }

  chunk(bytes: Uint8Array): void {
    if (this.#phase === 'over') return;
    this.#totalBytes += bytes.byteLength;
    if (this.#totalBytes > this.#limits.replyBytesMax) {
      this.fail('too_large', `reply exceeds ${this.#limits.replyBytesMax} bytes`);
      return;
    }
    if (this.#phase === 'waiting') {
      this.#phase = 'streaming';
      this.#armStall();
    } else {
      this.#timer?.refresh();
    }
    const reader = this.#reader;
    if (reader !== undefined) {
      this.#reader = undefined;
      reader.resolve(bytes);
      return;
    }
    this.#chunks.push(bytes);
    this.#queuedBytes += bytes.byteLength;
    if (this.#queuedBytes > this.#limits.queuedBytesMax && !this.#paused) this.#pause();
  }

  ended(): void {
    if (this.#phase === 'over') return;
    this.#close();
    this.#reader?.resolve(undefined);
    this.#reader = undefined;
  }

  /**
   * Ends the exchange with a fault, and its request with it. What had arrived can still be read.
   */
  fail(code: FaultCode, message: string, cause?: unknown): void {
    if (this.#phase === 'over') return;
    this.#close();
    const fault = new UpstreamFault(code, message, cause === undefined ? undefined : { cause });
    this.#fault = fault;
    this.#replySettle?.reject(fault);
    this.#replySettle = undefined;
    this.#reader?.reject(fault);
    this.#reader = undefined;
    this.#carrier?.abort();
  }

  next(): Promise<Uint8Array | undefined> {
    const chunk = this.#chunks.shift();
    if (chunk !== undefined) {
      this.#queuedBytes -= chunk.byteLength;
      if (this.#paused && this.#queuedBytes * 2 <= this.#limits.queuedBytesMax) this.#resume();
      return Promise.resolve(chunk);
    }
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    if (this.#phase === 'over') return Promise.resolve(undefined);
    if (this.#reader !== undefined) return Promise.reject(new Error('a body has one reader'));
    return new Promise((resolve, reject) => {
      this.#reader = { resolve, reject };
    });
  }

  cancel(): void {
    this.#chunks.length = 0;
    this.#fault = undefined;
    if (this.#phase === 'over') return;
    this.#close();
    this.#reader?.resolve(undefined);
    this.#reader = undefined;
    this.#carrier?.abort();
  }

  #close(): void {
    this.#phase = 'over';
    clearTimeout(this.#timer);
    this.#stopListening();
  }

  #arm(ms: number, code: FaultCode, message: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.fail(code, message), ms);
  }

  #armStall(): void {
    this.#arm(this.#request.timeouts.stallMs, 'stall', 'the stream stopped moving');
  }

  /** Our reader's slowness is not the upstream's: no stall is counted while we do not read. */
  #pause(): void {
    this.#paused = true;
    clearTimeout(this.#timer);
    this.#carrier?.pause();
  }

  #resume(): void {
    this.#paused = false;
    if (this.#phase === 'over') return;
    this.#armStall();
    this.#carrier?.resume();
  }
}
