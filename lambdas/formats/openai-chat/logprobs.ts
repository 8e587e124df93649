/** Log probabilities of tokens, both ways. */
import type { TokenLogprob } from '../../core/piece.ts';
import { asList, asNumber, asRecord, asText, type JsonRecord } from '../lenient.ts';

export function readTokenLogprobs(value: unknown): TokenLogprob[] {
  const read: TokenLogprob[] = [];
  for (const item of asList(value)) {
    const token = readToken(item);
    if (token === undefined) continue;
    const given = asRecord(item)?.top_logprobs;
    if (Array.isArray(given)) {
      token.top = given.map(readToken).filter((one) => one !== undefined);
    }
    read.push(token);
  }
  return read;
}

function readToken(value: unknown): TokenLogprob | undefined {
  const item = asRecord(value);
  const token = asText(item?.token);
  const logprob = asNumber(item?.logprob);
  if (item === undefined || token === undefined || logprob === undefined) return undefined;
  const { bytes } = item;
  if (bytes === null) return { token, logprob, bytes: null };
  if (!Array.isArray(bytes)) return { token, logprob };
  return { token, logprob, bytes: bytes.filter((byte) => typeof byte === 'number') };
}

export function writeTokenLogprob(given: TokenLogprob): JsonRecord {
  const { token, logprob, bytes = null, top = [] } = given;
  const alternatives = top.map((one) => ({ ...one, bytes: one.bytes ?? null }));
  return { token, logprob, bytes, top_logprobs: alternatives };
}
