/** A bill that anyone can work out again: raw usage, the price's version, decimal lines. */
import type { TokenClass } from './usage.ts';

export type Receipt = {
  /**
   * Where the counts come from: the upstream's own usage; `delivered`, an estimate from what
   * passed before a stream was cut; `none`, nothing was delivered and nothing is owed; or
   * `missing`, delivered without a usage that could be priced.
   */
  basis: 'upstream' | 'delivered' | 'none' | 'missing';
  priceVersion?: string;
  lines: ReceiptLine[];
  /** Sum of the lines, decimal string. */
  totalUsd: string;
  /** What the upstream billed beyond the hold: ours to bear, so the caller paid that much less. */
  lossUsd?: string;
  tokens: Partial<Record<TokenClass, number>>;
  reasoningTokens?: number;
  /** The upstream's usage block as received, as JSON text. */
  raw?: string;
  /** Why it could not be priced. */
  because?: string;
};

export type ReceiptLine = {
  /** A token class, `request`, or the name of something billed by the piece. */
  what: string;
  count: number;
  /** Dollars for one, decimal string. */
  unitUsd: string;
  amountUsd: string;
};
