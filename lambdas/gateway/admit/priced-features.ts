/** Features that a vendor bills beyond plain tokens, and the rates that they need. */
import type { ChatAsk } from '../../core/ask.ts';
import { timesCount, type Usd, zeroUsd } from '../../core/money.ts';
import type { Price } from '../../core/policy.ts';
import type { TokenClass } from '../../core/usage.ts';
import type { Candidate } from '../values.ts';

/** A rate without which a feature would cost what nobody has set aside. */
export type Rate =
  | { of: 'tokens'; name: TokenClass }
  /** `everyCall`: the vendor bills so many whatever happens, and does not report them. */
  | { of: 'pieces'; name: string; countMax: number; everyCall?: boolean }
  /** The vendor multiplies every rate, or charges another model's: no price can say that. */
  | { of: 'everything' };

export type Need = {
  /** Where the ask says so. */
  param: string;
  rate: Rate;
  /** Routes of other formats leave the field out, and need no rate for it. */
  format?: string;
};

type Feature = {
  field: string;
  format?: string;
  /** What this value of the field needs; `undefined` where it costs what any call does. */
  rateFor(value: unknown): Rate | undefined;
};

const everything: Rate = { of: 'everything' };
const spokenOutput: Rate = { of: 'tokens', name: 'outputAudio' };
const openai = 'openai-chat';

/** `flex` costs less than any of the others, and is billed at the list price all the same. */
const plainTiers = new Set(['auto', 'default', 'standard', 'standard_only', 'on_demand', 'flex']);
/** What xAI looks into where it is not told how many. */
const sourcesDefault = 20;

const features: readonly Feature[] = [
  { field: 'service_tier', rateFor: (tier) => unlessPlain(plainTiers.has(String(tier))) },
  { field: 'speed', rateFor: (speed) => unlessPlain(speed === 'standard') },
  { field: 'inference_geo', rateFor: (place) => unlessPlain(place === 'global') },
  // Another model may answer then, at its own rates.
  { field: 'fallbacks', rateFor: () => everything },
  { field: 'modalities', format: openai, rateFor: rateOfModalities },
  { field: 'audio', format: openai, rateFor: () => spokenOutput },
  // One search a call, which the vendor bills and its usage does not tell.
  {
    field: 'web_search_options',
    format: openai,
    rateFor: () => ({ of: 'pieces', name: 'webSearch', countMax: 1, everyCall: true }),
  },
  { field: 'search_parameters', format: openai, rateFor: rateOfSources },
];

export function featureNeeds(ask: ChatAsk): Need[] {
  return features.flatMap(({ field, format, rateFor }) => {
    const value = field === 'service_tier' ? ask.serviceTier : ask.extras[field];
    const rate = value === undefined ? undefined : rateFor(value);
    return rate === undefined ? [] : [{ param: field, rate, format }];
  });
}

function unlessPlain(isPlain: boolean): Rate | undefined {
  return isPlain ? undefined : everything;
}

function rateOfModalities(value: unknown): Rate | undefined {
  const wanted: unknown[] = Array.isArray(value) ? value : [value];
  if (wanted.some((one) => one !== 'text' && one !== 'audio')) return everything;
  return wanted.includes('audio') ? spokenOutput : undefined;
}

function rateOfSources(value: unknown): Rate | undefined {
  const said = value as { mode?: unknown; max_search_results?: unknown } | null;
  if (said?.mode === 'off') return undefined;
  const most = said?.max_search_results;
  const countMax = Number.isSafeInteger(most) && Number(most) > 0 ? Number(most) : sourcesDefault;
  return { of: 'pieces', name: 'source', countMax };
}

/** Whether this route's price has a rate for it, or the route does not take it at all. */
export function isMet(need: Need, candidate: Candidate, price: Price): boolean {
  if (!concerns(need, candidate)) return true;
  switch (need.rate.of) {
    case 'tokens':
      return price.perMillion[need.rate.name] !== undefined;
    case 'pieces':
      return price.perPiece !== undefined && Object.hasOwn(price.perPiece, need.rate.name);
    case 'everything':
      return false;
  }
}

/** The most that things billed by the piece can add to a call. */
export function piecesUsd(needs: readonly Need[], candidate: Candidate, price: Price): Usd {
  return needs.reduce((total, need) => {
    if (need.rate.of !== 'pieces' || !concerns(need, candidate)) return total;
    const unit = price.perPiece?.[need.rate.name] ?? zeroUsd;
    return total.plus(timesCount(unit, need.rate.countMax));
  }, zeroUsd);
}

/** What the vendor bills by the piece without ever reporting it, by name. */
export function piecesOfEveryCall(
  needs: readonly Need[],
  candidate: Candidate,
): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const need of needs) {
    const { rate } = need;
    if (rate.of !== 'pieces' || rate.everyCall !== true || !concerns(need, candidate)) continue;
    counts[rate.name] = rate.countMax;
  }
  return counts;
}

function concerns(need: Need, { provider }: Candidate): boolean {
  return need.format === undefined || need.format === provider.format;
}
