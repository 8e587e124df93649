/** Which path speaks which format, with the prefixes that SDKs put before it. */

export type Endpoint = { kind: 'chat'; format: string } | { kind: 'health' };

const endpoints: Record<string, { method: string; endpoint: Endpoint }> = {
  '/v1/chat/completions': { method: 'POST', endpoint: { kind: 'chat', format: 'openai-chat' } },
  '/v1/messages': { method: 'POST', endpoint: { kind: 'chat', format: 'anthropic-messages' } },
  '/health': { method: 'GET', endpoint: { kind: 'health' } },
};

const prefixes = ['/openai', '/anthropic', '/api'];

export type EndpointMatch =
  | { found: true; endpoint: Endpoint }
  | { found: false; because: 'path' | 'method'; allow?: string };

export function matchEndpoint(method: string, path: string): EndpointMatch {
  const entry = endpoints[withoutPrefix(path)];
  if (entry === undefined) return { found: false, because: 'path' };
  if (entry.method !== method) return { found: false, because: 'method', allow: entry.method };
  return { found: true, endpoint: entry.endpoint };
}

/**
 * The format in which to answer a call that matched no endpoint: Anthropic's clients are known
 * by a header or by their path, everyone else reads OpenAI's errors.
 */
export function guessFormat(path: string, headers: Record<string, string>): string {
  const anthropic = headers['anthropic-version'] !== undefined || path.includes('/messages');
  return anthropic ? 'anthropic-messages' : 'openai-chat';
}

function withoutPrefix(path: string): string {
  const trimmed = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  for (const prefix of prefixes) {
    if (trimmed.startsWith(`${prefix}/`)) return trimmed.slice(prefix.length);
  }
  return trimmed;
}
