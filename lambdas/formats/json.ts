/** JSON at the border: the one place where a caller's body becomes a value. */
import { refuse } from '../core/problem.ts';

const decoder = new TextDecoder('utf-8', { fatal: true });

/** Parses a caller's body; throws a `ProblemError` (400) on anything but a JSON object. */
export function parseCallerJson(bytes: Uint8Array): Record<string, unknown> {
  const value = parseOrRefuse(bytes);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse('invalid_request', 'The request body must be a JSON object.');
  }
  return value as Record<string, unknown>;
}

function parseOrRefuse(bytes: Uint8Array): unknown {
  if (bytes.byteLength === 0) refuse('invalid_request', 'The request body is empty.');
  try {
    return JSON.parse(decoder.decode(bytes));
  } catch (error) {
    // V8 quotes the body in its message, and a body may hold a prompt: only the place is told.
    const place = /at position (\d+)/.exec(String(error))?.[1];
    const where = place === undefined ? '' : ` (at byte ${place} or thereabouts)`;
    return refuse('invalid_request', `The request body is not valid JSON${where}.`);
  }
}

/** Parses an upstream's body: JSON where it is, its text where it is not. */
export function parseUpstreamJson(bytes: Uint8Array): unknown {
  const text = new TextDecoder().decode(bytes);
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

export function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}
