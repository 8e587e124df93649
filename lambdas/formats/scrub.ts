/** Makes an upstream's message fit to be read by a caller: short, and without secrets. */

const messageCharsMax = 1_000;

const secrets: [RegExp, string][] = [
  [/\b(?:Bearer|Basic)\s+[\w.~+/=-]{6,}/gi, '[removed]'],
  // Keys as vendors make them, in full or already starred out.
  [/\b(?:sk|pk|rk|xai|gsk|fw|csk|pplx|nvapi|hf|or|key)[-_][\w*-]{6,}/gi, '[removed]'],
  [/\bAIza[\w-]{10,}/g, '[removed]'],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{8,}/g, '[removed]'],
  [/\beyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)?/g, '[removed]'],
  // OpenAI and others quote the key that they refuse, whatever it looks like.
  [/(api[ _-]?key(?: provided)?(?:\s+is)?\s*[:=]\s*)[^\s,;"'}]+/gi, '$1[removed]'],
];

export function scrub(message: string): string {
  // Cut first, with room to spare: a secret must not survive for being cut in half.
  let text = message.slice(0, messageCharsMax * 2);
  for (const [pattern, replacement] of secrets) text = text.replace(pattern, replacement);
  return text.length > messageCharsMax ? `${text.slice(0, messageCharsMax)}…` : text;
}
