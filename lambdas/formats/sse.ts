/** Server-sent events: bytes to events, events to bytes, and where in bytes an event ends. */
import { StringDecoder } from 'node:string_decoder';
import type { StreamEvent } from './format.ts';
import { UnreadableReply } from './format.ts';

export const lineBytesMax = 1024 * 1024;
export const eventBytesMax = 4 * 1024 * 1024;

export type SseReader = {
  push(bytes: Uint8Array): StreamEvent[];
  /** The bytes have ended: gives an event that lacks only its final blank line. */
  end(): StreamEvent[];
};

/** Reads events from chunks cut anywhere. Throws an `UnreadableReply` beyond the limits. */
export function createSseReader(): SseReader {
  const decoder = new StringDecoder('utf8');
  const assembly = createAssembly();
  let rest = '';
  let restBytes = 0;
  let started = false;
  let afterCarriageReturn = false;

  /** Line ends become `\n`; a `\r\n` cut between two chunks stays one line end. */
  function decode(bytes: Uint8Array): string {
    let text = decoder.write(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    if (text === '') return text;
    if (!started) {
      started = true;
      if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
    }
    if (afterCarriageReturn && text.startsWith('\n')) text = text.slice(1);
    afterCarriageReturn = false;
    if (!text.includes('\r')) return text;
    afterCarriageReturn = text.endsWith('\r');
    return text.replace(/\r\n?/g, '\n');
  }

  function push(bytes: Uint8Array): StreamEvent[] {
    const text = decode(bytes);
    const events: StreamEvent[] = [];
    const mayBeTooLong = restBytes + bytes.byteLength > lineBytesMax;
    let from = 0;
    // Only the new text is searched, so that a long line in small chunks stays linear.
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', from)) {
      const line = from === 0 ? rest + text.slice(0, end) : text.slice(from, end);
      if (mayBeTooLong && Buffer.byteLength(line) > lineBytesMax) refuseLine();
      const event = assembly.line(line);
      if (event !== undefined) events.push(event);
      from = end + 1;
    }
    if (from === 0) {
      rest += text;
      restBytes += bytes.byteLength;
    } else {
      rest = text.slice(from);
      restBytes = Buffer.byteLength(rest);
    }
    if (restBytes > lineBytesMax) refuseLine();
    return events;
  }

  function end(): StreamEvent[] {
    // A line without its end may be half of what was meant: it is not used, nor its event.
    const event = rest === '' ? assembly.line('') : undefined;
    rest = '';
    return event === undefined ? [] : [event];
  }

  return { push, end };
}

/** Puts lines together to events; an empty line gives the event that has come together. */
function createAssembly(): { line(line: string): StreamEvent | undefined } {
  let name: string | undefined;
  let data: string | undefined;
  // Counted from the second line on: a single line is within its own limit.
  let dataBytes = 0;

  function complete(): StreamEvent | undefined {
    const event =
      data === undefined ? undefined : name === undefined ? { data } : { event: name, data };
    name = undefined;
    data = undefined;
    dataBytes = 0;
    return event;
  }

  function addData(value: string): void {
    if (data === undefined) {
      data = value;
      return;
    }
    if (dataBytes === 0) dataBytes = Buffer.byteLength(data);
    data += `\n${value}`;
    dataBytes += 1 + Buffer.byteLength(value);
    if (dataBytes > eventBytesMax) {
      throw new UnreadableReply(`an event is longer than ${eventBytesMax} bytes`);
    }
  }

  return {
    line(line) {
      if (line === '') return complete();
      const colon = line.indexOf(':');
      if (colon === 0) return undefined;
      const field = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? '' : line.slice(line[colon + 1] === ' ' ? colon + 2 : colon + 1);
      if (field === 'data') addData(value);
      else if (field === 'event') name = value === '' ? undefined : value;
      return undefined;
    },
  };
}

function refuseLine(): never {
  throw new UnreadableReply(`a line is longer than ${lineBytesMax} bytes`);
}

export function writeSse(event: StreamEvent): string {
  const name = event.event === undefined ? '' : `event: ${event.event}\n`;
  const { data } = event;
  if (!data.includes('\n') && !data.includes('\r')) return `${name}data: ${data}\n\n`;
  return `${name}data: ${data.split(/\r\n|\r|\n/).join('\ndata: ')}\n\n`;
}

/** The offset just after the last complete event of these bytes; 0 where there is none. */
export function lastEventBoundary(bytes: Uint8Array): number {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const plain = after(buffer, '\n\n');
  if (buffer.indexOf(13) === -1) return plain;
  // `\n\r\n` ends both `\r\n\r\n` and a blank line that follows a bare `\n`.
  const crlf = after(buffer, '\n\r\n');
  let bare = after(buffer, '\r\r');
  if (bare > 0 && buffer[bare] === 10) bare += 1;
  return Math.max(plain, crlf, bare);
}

/** Cuts whole events' bytes into one piece an event; what follows the last one is its own piece. */
export function splitEvents(bytes: Uint8Array): Uint8Array[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const events: Uint8Array[] = [];
  let start = 0;
  while (start < buffer.byteLength) {
    const end = firstEventBoundary(buffer, start);
    events.push(buffer.subarray(start, end));
    start = end;
  }
  return events;
}

function firstEventBoundary(buffer: Buffer, start: number): number {
  let first = buffer.byteLength;
  for (const mark of ['\n\n', '\n\r\n', '\r\r']) {
    const at = buffer.indexOf(mark, start, 'latin1');
    if (at !== -1) first = Math.min(first, at + mark.length);
  }
  // A bare `\r\r` may be the beginning of `\r\r\n`: the line feed belongs to it.
  return buffer[first] === 10 && buffer[first - 1] === 13 ? first + 1 : first;
}

function after(buffer: Buffer, mark: string): number {
  const at = buffer.lastIndexOf(mark, undefined, 'latin1');
  return at === -1 ? 0 : at + mark.length;
}
