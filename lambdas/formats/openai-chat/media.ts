/** Images, files and sound: data URIs and plain base64 to media sources, and back. */
import type { MediaSource } from '../../core/ask.ts';

const mediaTypeCharsMax = 128;

/** A data URI becomes its bytes; anything else stays the URL that it is. */
export function sourceOfUrl(url: string): MediaSource {
  return sourceOfDataUri(url) ?? { kind: 'url', url };
}

function sourceOfDataUri(url: string): MediaSource | undefined {
  if (!url.startsWith('data:')) return undefined;
  const head = url.slice(5, 5 + mediaTypeCharsMax);
  const mark = head.indexOf(';base64,');
  if (mark === -1) return undefined;
  const mediaType = head.slice(0, mark) || 'application/octet-stream';
  return { kind: 'base64', mediaType, data: url.slice(5 + mark + ';base64,'.length) };
}

/** OpenAI's `file_data`: a data URI, or bare base64, which is a PDF by its documentation. */
export function sourceOfFileData(data: string): MediaSource {
  if (/^https?:\/\//.test(data)) return { kind: 'url', url: data };
  return sourceOfDataUri(data) ?? { kind: 'base64', mediaType: 'application/pdf', data };
}

export function dataUri(source: { mediaType: string; data: string }): string {
  return `data:${source.mediaType};base64,${source.data}`;
}

const formatOfAudioType: Record<string, string> = { mpeg: 'mp3', 'x-wav': 'wav', wave: 'wav' };

export function audioFormat(mediaType: string): string {
  const name = mediaType.slice(mediaType.indexOf('/') + 1);
  return Object.hasOwn(formatOfAudioType, name) ? (formatOfAudioType[name] ?? name) : name;
}
