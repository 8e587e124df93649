/** How long an upstream asks us to wait, in any of the ways that headers say it. */

/** Header names are lower-case. A date is measured against the upstream's own clock. */
export function retryAfterMs(headers: Record<string, string>): number | undefined {
  const milliseconds = plainNumber(headers['retry-after-ms']);
  if (milliseconds !== undefined) return Math.ceil(milliseconds);
  const given = headers['retry-after'];
  const seconds = plainNumber(given);
  if (seconds !== undefined) return Math.ceil(seconds * 1_000);
  if (given === undefined || headers.date === undefined) return undefined;
  const wait = Date.parse(given) - Date.parse(headers.date);
  return Number.isFinite(wait) ? Math.max(0, wait) : undefined;
}

function plainNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\s*\d{1,12}(\.\d{1,12})?\s*$/.test(text)
    ? Number(text)
    : undefined;
}
