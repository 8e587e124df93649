/**
 * The request to an upstream: the caller's own bytes where the format is the same, else written.
 */
import type { ChatAsk } from '../../core/ask.ts';
import { spliceTopLevel } from '../../core/splice.ts';
import type { UpstreamDemand } from '../../formats/format.ts';
import { jsonBytes } from '../../formats/json.ts';
import type { Inbound, Leg } from '../values.ts';

export type WrittenRequest = {
  url: string;
  headers: Record<string, string>;
  body: Uint8Array;
  dropped: string[];
};

/**
 * Headers go by allow-list: ours, the provider's own, and those its format lets callers pass on.
 */
export function writeRequest(
  inbound: Inbound,
  ask: ChatAsk,
  leg: Leg,
  outputCap: number,
  secret: string | undefined,
): WrittenRequest {
  const { provider, format, route, model } = leg;
  const demand: UpstreamDemand = {
    model: route.upstreamModel,
    outputTokensMax: Math.min(outputCap, model.outputTokensMax ?? Infinity),
    quirks: provider.quirks,
  };
  const same = format === inbound.format;
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: ask.stream ? 'text/event-stream' : 'application/json',
    ...provider.headers,
    ...(same ? forwarded(inbound.headers, format.forwardedHeaders ?? []) : {}),
  };
  if (secret !== undefined) {
    const { header, scheme } = provider.auth;
    headers[header] = scheme === undefined ? secret : `${scheme} ${secret}`;
  }
  const url = provider.baseUrl + format.upstreamPath(demand, ask.stream);
  if (same) {
    const body = spliceTopLevel(inbound.body, format.patchAsk(ask, demand), format.guardedFields);
    return { url, headers, body, dropped: [] };
  }
  const { body, dropped } = format.writeAsk(ask, demand);
  return { url, headers, body: jsonBytes(body), dropped };
}

function forwarded(
  headers: Record<string, string>,
  names: readonly string[],
): Record<string, string> {
  const passed: Record<string, string> = {};
  for (const name of names) {
    const value = headers[name];
    if (value !== undefined) passed[name] = value;
  }
  return passed;
}
