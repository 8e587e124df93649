/** Reasoning with its seals, as OpenRouter words it: `reasoning_details`, the field's one way. */
import type { ReasoningSeal } from '../../core/piece.ts';
import { asFilled, asList, asRecord, type JsonRecord } from '../lenient.ts';

export type ReasoningDetail = { text?: string; seal?: ReasoningSeal };

const formatOfVendor: Record<string, string> = {
  anthropic: 'anthropic-claude-v1',
  gemini: 'google-gemini-v1',
  openai: 'openai-responses-v1',
  xai: 'xai-responses-v1',
};
const vendorOfFormat = new Map(
  Object.entries(formatOfVendor).map(([vendor, format]) => [format, vendor]),
);

export function readDetails(value: unknown): ReasoningDetail[] {
  const details: ReasoningDetail[] = [];
  for (const item of asList(value)) {
    const detail = readDetail(asRecord(item) ?? {});
    const last = details.at(-1);
    // A summary and what is encrypted are two entries of one thought.
    const completes = detail.seal?.kind === 'encrypted' && last && last.seal === undefined;
    if (completes && detail.text === undefined) last.seal = detail.seal;
    else if (detail.text !== undefined || detail.seal !== undefined) details.push(detail);
  }
  return details;
}

function readDetail(item: JsonRecord): ReasoningDetail {
  const format = asFilled(item.format) ?? 'unknown';
  const vendor = vendorOfFormat.get(format) ?? format;
  if (item.type === 'reasoning.encrypted') {
    const value = asFilled(item.data);
    const kind = vendor === 'anthropic' ? 'redacted' : 'encrypted';
    return value === undefined ? {} : { seal: { vendor, kind, value } };
  }
  const text = asFilled(item.text) ?? asFilled(item.summary);
  const value = asFilled(item.signature);
  return {
    ...(text !== undefined && { text }),
    ...(value !== undefined && { seal: { vendor, kind: 'signature' as const, value } }),
  };
}

export function writeDetails(details: readonly ReasoningDetail[], firstIndex = 0): JsonRecord[] {
  return details.flatMap((detail, at) => writeDetail(detail, firstIndex + at));
}

function writeDetail({ text, seal }: ReasoningDetail, index: number): JsonRecord[] {
  const vendor = seal?.vendor ?? 'unknown';
  const format = Object.hasOwn(formatOfVendor, vendor) ? formatOfVendor[vendor] : vendor;
  const said = { type: 'reasoning.text', ...(text !== undefined && { text }), format, index };
  if (seal === undefined) return [said];
  if (seal.kind === 'signature') return [{ ...said, signature: seal.value }];
  const sealed = { type: 'reasoning.encrypted', data: seal.value, format, index };
  return text === undefined ? [sealed] : [said, sealed];
}
