/** Citations: where a text leans on a document, a search result or a page of the web. */
import type { Citation } from '../../core/piece.ts';
import type { JsonRecord } from '../lenient.ts';
import { asCount, asFilled } from '../lenient.ts';
import { formatName } from './names.ts';

/** Offsets are the cited document's, not the text's, so that they stay in `raw` alone. */
export function readCitation(value: JsonRecord): Citation {
  const url = asFilled(value.url) ?? webAddress(value.source);
  const title = asFilled(value.title) ?? asFilled(value.document_title);
  const quote = asFilled(value.cited_text);
  return {
    kind: url === undefined ? 'document' : 'url',
    ...(url === undefined ? {} : { url }),
    ...(title === undefined ? {} : { title }),
    ...(quote === undefined ? {} : { quote }),
    raw: { format: formatName, value },
  };
}

export function writeCitation(citation: Citation): unknown {
  if (citation.raw?.format === formatName) return citation.raw.value;
  if (citation.kind === 'url') {
    return {
      type: 'web_search_result_location',
      url: citation.url ?? '',
      title: citation.title ?? null,
      cited_text: citation.quote ?? '',
      encrypted_index: '',
    };
  }
  return {
    type: 'char_location',
    cited_text: citation.quote ?? '',
    document_index: 0,
    document_title: citation.title ?? null,
    file_id: null,
    start_char_index: asCount(citation.start) ?? 0,
    end_char_index: asCount(citation.end) ?? 0,
  };
}

/** A search result names its source freely; only a web address is a link. */
function webAddress(source: unknown): string | undefined {
  const text = asFilled(source);
  return text !== undefined && /^https?:\/\//.test(text) ? text : undefined;
}
