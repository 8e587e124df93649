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
    if (detail.text !== undefined || detail.seal !== undefined) details.push(detail);
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

export function writeDetail(detail: ReasoningDetail, index: number): JsonRecord {
  const { text, seal } = detail;
  const said = text === undefined ? {} : { text };
  if (seal === undefined) return { type: 'reasoning.text', ...said, format: 'unknown', index };
  const format = Object.hasOwn(formatOfVendor, seal.vendor)
    ? formatOfVendor[seal.vendor]
    : seal.vendor;
  if (seal.kind === 'signature') {
    return { type: 'reasoning.text', ...said, signature: seal.value, format, index };
  }
  return { type: 'reasoning.encrypted', data: seal.value, format, index };
}
