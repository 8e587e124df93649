/** Recorded provider traffic: where it is, how it is read, and how checks over it are told. */
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Quirks } from '../../lambdas/core/policy.ts';
import { anthropicMessages } from '../../lambdas/formats/anthropic-messages.ts';
import type { ChatFormat } from '../../lambdas/formats/format.ts';
import { openaiChat } from '../../lambdas/formats/openai-chat.ts';
import { providerRecords } from '../../lambdas/providers/records.ts';

/** Recordings are looked into freely, by their own shape: whatever stands in the JSON. */
export type Raw = ReturnType<typeof JSON.parse>;

export type Reply = {
  status: number;
  headers: Record<string, string>;
  kind: string;
  json?: Raw;
  sse?: string;
  text?: string;
};

export type Exchange = {
  id: string;
  provider: string;
  endpoint: string;
  model?: string;
  request: { body: Raw } | null;
  response: Reply;
};

const folder = resolve(
  process.env.FAIRLEAD_WIRE ?? resolve(import.meta.dirname, '../../../shared/wire'),
);
export const hasCorpus = existsSync(join(folder, 'index.csv'));
if (!hasCorpus) {
  console.warn(`Corpus tests skip: no recordings at ${folder} (FAIRLEAD_WIRE may name another).`);
}

/** Every recorded exchange of these endpoints, in the order of the index. */
export function exchangesOf(...endpoints: string[]): Exchange[] {
  if (!hasCorpus) return [];
  const [head = '', ...lines] = readFileSync(join(folder, 'index.csv'), 'utf8').trim().split('\n');
  const names = head.trim().split(',');
  const files = lines.flatMap((line) => {
    const cells = splitCsv(line.trim());
    const wanted = endpoints.includes(cells[names.indexOf('endpoint')] ?? '');
    return wanted ? [cells[names.indexOf('file')] ?? ''] : [];
  });
  return files.map((file) => JSON.parse(readFileSync(join(folder, 'data', file), 'utf8')));
}

/** The hand-made failures of kinds that nobody has recorded. */
export function syntheticErrors(): Exchange[] {
  if (!hasCorpus) return [];
  return JSON.parse(readFileSync(join(folder, 'synthetic/errors.json'), 'utf8'));
}

function splitCsv(line: string): string[] {
  const cells = line.match(/("([^"]|"")*"|[^,]*)(,|$)/g) ?? [];
  return cells.map((cell) => cell.replace(/,$/, '').replace(/^"|"$/g, '').replaceAll('""', '"'));
}

export function formatOf(exchange: Exchange): ChatFormat {
  return exchange.endpoint === 'messages' ? anthropicMessages : openaiChat;
}

/** What is not in the product's own records of providers, because it is not in its catalog. */
const otherQuirks: Record<string, Quirks> = {
  'vercel-gateway': { reasoningOutsideOutput: true },
};

export function quirksOf(provider: string): Quirks {
  return providerRecords.get(provider)?.quirks ?? otherQuirks[provider] ?? {};
}

/** The events of a recorded stream, as plainly as can be. */
export function eventsOf(sse: string): { event?: string; data: string }[] {
  return sse.split(/\r?\n\r?\n/).flatMap((text) => {
    const lines = text.split(/\r?\n/);
    const data = lines.filter((line) => line.startsWith('data:'));
    if (data.length === 0) return [];
    const name = lines
      .find((line) => line.startsWith('event:'))
      ?.slice(6)
      .trim();
    const joined = data.map((line) => line.slice(5).replace(/^ /, '')).join('\n');
    return [name === undefined ? { data: joined } : { event: name, data: joined }];
  });
}

/** Parsed data of a recorded stream's events; what is no JSON is left out. */
export function chunksOf(sse: string): Raw[] {
  return eventsOf(sse).flatMap(({ data }) => {
    try {
      return [JSON.parse(data)];
    } catch {
      return [];
    }
  });
}

/** Counts what passed and what missed, by row and check, and knows why. */
export class Tally {
  readonly #rows = new Map<string, Map<string, { ok: number; miss: number; known: number }>>();
  readonly misses: string[] = [];
  readonly #known: Record<string, string>;
  readonly #met = new Set<string>();

  /** `known`: what cannot pass, by recording and check, each with its reason. */
  constructor(known: Record<string, string> = {}) {
    this.#known = known;
  }

  add(exchange: Exchange, check: string, faults: string[]): void {
    const row = `${exchange.provider}/${exchange.endpoint}/${exchange.response.kind}`;
    const checks = this.#rows.get(row) ?? new Map();
    this.#rows.set(row, checks);
    const count = checks.get(check) ?? { ok: 0, miss: 0, known: 0 };
    checks.set(check, count);
    if (faults.length === 0) count.ok += 1;
    else if (this.#known[`${exchange.id} ${check}`] !== undefined) {
      count.known += 1;
      this.#met.add(`${exchange.id} ${check}`);
    } else {
      count.miss += 1;
      this.misses.push(`${exchange.id} ${check}: ${faults.join(' | ').slice(0, 600)}`);
    }
  }

  /** Listed as impossible, and yet it passes: the list is out of date. */
  get staleKnown(): string[] {
    return Object.keys(this.#known).filter((id) => !this.#met.has(id));
  }

  table(title: string): string {
    const lines = [...this.#rows]
      .sort(([a], [b]) => a.localeCompare(b))
      .map(([row, checks]) => {
        const cells = [...checks].map(
          ([check, { ok, miss, known }]) => `${check} ${ok} ok ${miss} miss ${known} known`,
        );
        return `  ${row.padEnd(28)} ${cells.join(' · ')}`;
      });
    const known = Object.entries(this.#known).map(([id, why]) => `  known: ${id}: ${why}`);
    const misses = this.misses.map((miss) => `  MISS ${miss}`);
    return [title, ...lines, ...known, ...misses].join('\n');
  }
}

export function describeFault(what: string, expected: unknown, got: unknown): string[] {
  const [a, b] = [JSON.stringify(expected), JSON.stringify(got)];
  return a === b ? [] : [`${what}: wanted ${a?.slice(0, 200)}, got ${b?.slice(0, 200)}`];
}
