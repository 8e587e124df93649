/** Citations as annotations, both ways. */
import type { Citation } from '../../core/piece.ts';
import { asCount, asFilled, asList, asRecord, type JsonRecord } from '../lenient.ts';
import { formatName } from './read-turns.ts';

export function readCitation(value: unknown): Citation | undefined {
  const item = asRecord(value);
  const cited = asRecord(item?.url_citation);
  const url = asFilled(cited?.url);
  if (cited === undefined || url === undefined) return undefined;
  const title = asFilled(cited.title);
  const quote = asFilled(cited.content);
  // Nought to nought is how this format says that it does not know where.
  const end = asCount(cited.end_index) || undefined;
  const start = end === undefined ? undefined : asCount(cited.start_index);
  return {
    kind: 'url',
    url,
    ...(title !== undefined && { title }),
    ...(quote !== undefined && { quote }),
    ...(start !== undefined && { start }),
    ...(end !== undefined && { end }),
    raw: { format: formatName, value: item },
  };
}

/** Perplexity lists its sources beside the choices, and again in each chunk. */
export function readTopLevelCitations(body: JsonRecord): Citation[] {
  const results = asList(body.search_results).map(readSearchResult);
  const found = results.filter((citation) => citation !== undefined);
  if (found.length > 0) return found;
  const urls = asList(body.citations).map(asFilled);
  return urls.filter((url) => url !== undefined).map((url) => ({ kind: 'url', url }));
}

function readSearchResult(value: unknown): Citation | undefined {
  const result = asRecord(value);
  const url = asFilled(result?.url);
  if (url === undefined) return undefined;
  const title = asFilled(result?.title);
  return { kind: 'url', url, ...(title !== undefined && { title }) };
}

/** `before` is how much content stands before the block whose text is cited. */
export function writeCitation(citation: Citation, before: number): JsonRecord | undefined {
  const { url, title, quote, start, end } = citation;
  if (url === undefined) return undefined;
  return {
    type: 'url_citation',
    url_citation: {
      url,
      title: title ?? '',
      ...(quote !== undefined && { content: quote }),
      start_index: end === undefined ? 0 : (start ?? 0) + before,
      end_index: end === undefined ? 0 : end + before,
    },
  };
}
