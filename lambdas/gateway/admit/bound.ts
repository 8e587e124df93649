/** The most a call can cost: an upper bound on its tokens, priced at the dearest candidate. */
import type { KeySettings } from '../../core/accounts.ts';
import type { ChatAsk, Part } from '../../core/ask.ts';
import { maxUsd, perMillion, timesCount, type Usd, zeroUsd } from '../../core/money.ts';
import type { Price } from '../../core/policy.ts';
import { refuse } from '../../core/problem.ts';
import type { TokenClass } from '../../core/usage.ts';
import { formatNamed } from '../../formats/registry.ts';
import type { Bound, Candidate, PricedCandidate } from '../values.ts';
import { featureNeeds, isMet, type Need, piecesOfEveryCall, piecesUsd } from './priced-features.ts';
import { type ServerTool, serverToolsIn, toolNeeds } from './server-tools.ts';

/**
 * Tokens that a vendor's template may add: once per call, per turn, and where tools are told of.
 */
const templateTokens = { perCall: 64, perTurn: 16, withTools: 1024 };
/** Above every documented image formula of today's vendors, high detail included. */
const imageTokensMaxDefault = 8192;
/**
 * Sent where neither the caller, nor the key, nor the model's own limit says how much is enough.
 */
const outputCapDefault = 4096;
/** Held for where a model's window is not known: above all but a few of today's. */
const contextTokensDefault = 1_048_576;
/** Counted against tokens per minute where the caller gives no cap; trued up when settling. */
const rateOutputTokensDefault = 1024;
/** A picture of a megapixel, and a few pages, as most vendors count them. */
const imageTokensTypical = 1_500;
const fileTokensTypical = 10_000;
/** English-like text runs at about four bytes a token. */
const bytesPerTokenTypical = 4;

/**
 * Input tokens are at most UTF-8 bytes, since every token of a byte-level vocabulary is at least
 * one byte, and JSON's escapes only lengthen a text. Media are taken out and counted by formula.
 */
export function boundAsk(
  ask: ChatAsk,
  bodyBytes: number,
  candidates: readonly Candidate[],
  settings: KeySettings = {},
): Bound {
  const tools = serverToolsIn(ask);
  const needs = [...featureNeeds(ask), ...toolNeeds(tools), ...(hasAudio(ask) ? [audioNeed] : [])];
  const priced = candidates.flatMap((candidate) => withPrice(candidate, ask, needs) ?? []);
  if (priced.length === 0) return refuseUnpriced(ask, candidates, needs);
  const media = mediaIn(ask);
  const textBytes = Math.max(0, bodyBytes - media.encodedBytes);
  const outputCap = outputCapFor(ask, priced, settings);
  const answers = ask.choices ?? 1;
  let inputTokensMax = 0;
  let outputUnitUsd = zeroUsd;
  let restUsd = zeroUsd;
  for (const candidate of priced) {
    const input = inputBoundOf(candidate, ask, { textBytes, media, tools });
    inputTokensMax = Math.max(inputTokensMax, input);
    const dearestInput = perMillion(dearest(candidate.price, inputClassesOf(ask)));
    const pieces = piecesUsd(needs, candidate, candidate.price);
    const fixed = (candidate.price.perRequest ?? zeroUsd).plus(pieces);
    restUsd = maxUsd(restUsd, fixed.plus(timesCount(dearestInput, input)));
    const unit = perMillion(dearest(candidate.price, ['output', 'outputAudio'])).times(answers);
    outputUnitUsd = maxUsd(outputUnitUsd, unit);
  }
  const inputTokensTypical = Math.min(inputTokensMax, typicalInput(textBytes, media));
  return {
    candidates: priced,
    outputCap,
    capByCaller: ask.outputTokensMax !== undefined,
    inputTokensMax,
    inputTokensTypical,
    rateTokens:
      inputTokensTypical +
      Math.min(ask.outputTokensMax ?? rateOutputTokensDefault, outputCap) * answers,
    usd: restUsd.plus(timesCount(outputUnitUsd, outputCap)),
    outputUnitUsd,
    restUsd,
  };
}

function typicalInput(textBytes: number, media: Media): number {
  const text = Math.ceil(textBytes / bytesPerTokenTypical);
  return text + media.images * imageTokensTypical + media.files * fileTokensTypical;
}

/**
 * The caller's cap, else the key's, else the model's; never more than any of the models can give.
 */
function outputCapFor(ask: ChatAsk, priced: readonly Candidate[], settings: KeySettings): number {
  const maxima = priced.map(({ model }) => model.outputTokensMax ?? Infinity);
  const most = Math.min(Math.max(...maxima), settings.outputTokensMax ?? Infinity);
  const usual = Number.isFinite(most) ? most : outputCapDefault;
  return Math.min(ask.outputTokensMax ?? settings.outputTokensDefault ?? usual, most);
}

/** The same call with a lower cap on its output. */
export function withOutputCap(bound: Bound, outputCap: number): Bound {
  const usd = bound.restUsd.plus(timesCount(bound.outputUnitUsd, outputCap));
  return { ...bound, outputCap, usd };
}

const audioNeed: Need = { param: 'input_audio', rate: { of: 'tokens', name: 'inputAudio' } };

/** The candidate with its price, if that has a rate for every class it can report for this ask. */
function withPrice(
  candidate: Candidate,
  ask: ChatAsk,
  needs: readonly Need[],
): PricedCandidate | undefined {
  const { price } = candidate.route;
  if (price === undefined) return undefined;
  const classes: TokenClass[] = ['input', 'cachedInput', 'output'];
  if (hasCacheMarks(ask) && candidate.provider.format === 'anthropic-messages') {
    classes.push('cacheWrite5m', 'cacheWrite1h');
  }
  if (!classes.every((name) => price.perMillion[name] !== undefined)) return undefined;
  if (!needs.every((need) => isMet(need, candidate, price))) return undefined;
  const unreported = piecesOfEveryCall(needs, candidate);
  return { ...candidate, price, format: formatNamed(candidate.provider.format), unreported };
}

/** Names what none of the routes has a price for, where one thing of the ask is to blame. */
function refuseUnpriced(
  ask: ChatAsk,
  candidates: readonly Candidate[],
  needs: readonly Need[],
): never {
  const unmet = needs.find((need) =>
    candidates.every((candidate) => {
      const { price } = candidate.route;
      return price !== undefined && !isMet(need, candidate, price);
    }),
  );
  const what = unmet === undefined ? 'everything it can bill' : `what \`${unmet.param}\` asks for`;
  return refuse('model_not_priced', `No route of \`${ask.model}\` has a price for ${what}.`, {
    param: unmet?.param ?? 'model',
  });
}

function inputClassesOf(ask: ChatAsk): TokenClass[] {
  const classes: TokenClass[] = ['input', 'cachedInput', 'cacheWrite5m', 'cacheWrite1h'];
  return hasAudio(ask) ? [...classes, 'inputAudio'] : classes;
}

function dearest(price: Price, classes: readonly TokenClass[]): Usd {
  return classes.reduce((most, name) => maxUsd(most, price.perMillion[name] ?? zeroUsd), zeroUsd);
}

type Media = { images: number; files: number; encodedBytes: number };

type Contents = { textBytes: number; media: Media; tools: readonly ServerTool[] };

function inputBoundOf(candidate: Candidate, ask: ChatAsk, contents: Contents): number {
  const { textBytes, media, tools } = contents;
  const window = candidate.model.contextTokens ?? contextTokensDefault;
  // Each use of a vendor's own tool is a step that reads everything again, results included.
  const uses = tools.reduce((total, { usesMax }) => total + usesMax, 0);
  if (uses > 0) return window * (uses + 1);
  // A file's pages are known only to the vendor: the context window is what still bounds it.
  if (media.files > 0) return window;
  const perImage = candidate.provider.quirks.imageTokensMax ?? imageTokensMaxDefault;
  const template =
    templateTokens.perCall +
    templateTokens.perTurn * ask.turns.length +
    (ask.tools.length > 0 ? templateTokens.withTools : 0);
  return Math.min(textBytes + media.images * perImage + template, window);
}

function* partsOf(ask: ChatAsk): Iterable<Part> {
  for (const turn of ask.turns) yield* turn.parts;
}

function mediaIn(ask: ChatAsk): Media {
  const media: Media = { images: 0, files: 0, encodedBytes: 0 };
  for (const part of partsOf(ask)) {
    if (part.type !== 'image' && part.type !== 'file' && part.type !== 'audio') continue;
    if (part.source.kind === 'text') continue;
    if (part.type === 'image') media.images += 1;
    else media.files += 1;
    if (part.source.kind === 'base64') media.encodedBytes += part.source.data.length;
  }
  return media;
}

function hasCacheMarks(ask: ChatAsk): boolean {
  for (const part of partsOf(ask)) if ('cache' in part && part.cache !== undefined) return true;
  for (const turn of ask.turns) if (turn.role === 'tool' && turn.cache !== undefined) return true;
  if (ask.tools.some((tool) => 'cache' in tool && tool.cache !== undefined)) return true;
  return 'cache_control' in ask.extras;
}

function hasAudio(ask: ChatAsk): boolean {
  for (const part of partsOf(ask)) if (part.type === 'audio') return true;
  return false;
}
