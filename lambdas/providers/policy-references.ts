/** Whether the names in a policy document mean something: providers, models, prices, members. */
import { type PolicyFault, pathText, suggestion } from './policy-faults.ts';
import type { ModelEntry, PolicyDocument, PriceEntry, ProviderEntry } from './policy-schema.ts';
import { type ProviderRecord, providerRecords } from './records.ts';

type Report = (path: readonly PropertyKey[], message: string) => void;

/** All faults of reference in a document of the right shape. */
export function checkReferences(document: PolicyDocument): PolicyFault[] {
  const faults: PolicyFault[] = [];
  const report: Report = (path, message) => faults.push({ path: pathText(path), message });
  for (const [name, entry] of Object.entries(document.providers)) {
    checkProvider(name, entry, report);
  }
  if (Object.keys(document.models).length === 0) report(['models'], 'names no model');
  for (const [name, entry] of Object.entries(document.models)) {
    checkRoutes(name, entry, document, report);
  }
  checkPrices(document, report);
  checkGroups(document, report);
  checkKeys(document, report);
  return faults;
}

/** `provider/upstream-model`. */
export function routeId(model: string, route: ModelEntry['routes'][number]): string {
  return `${route.provider}/${route.model ?? model}`;
}

function recordFor(name: string, entry: ProviderEntry): ProviderRecord | undefined {
  return providerRecords.get(entry.kind ?? name);
}

/** Headers that carry secrets, or that belong to the transport. */
const forbiddenHeaders = new Set([
  'api-key',
  'authorization',
  'connection',
  'content-length',
  'content-type',
  'cookie',
  'host',
  'proxy-authorization',
  'transfer-encoding',
  'x-api-key',
  'x-goog-api-key',
]);

function checkProvider(name: string, entry: ProviderEntry, report: Report): void {
  const path = ['providers', name];
  const record = recordFor(name, entry);
  if (record === undefined) {
    const kind = entry.kind ?? name;
    const near = suggestion(kind, providerRecords.keys());
    const known = [...providerRecords.keys()].join(', ');
    report(
      entry.kind === undefined ? path : [...path, 'kind'],
      `no provider is known as "${kind}"${near || `; give a kind, one of ${known}`}`,
    );
  }
  const baseUrl = entry.baseUrl ?? record?.baseUrl;
  if (baseUrl === undefined && record !== undefined) {
    report([...path, 'baseUrl'], 'is missing; this kind of provider has no usual one');
  }
  const fault = entry.baseUrl === undefined ? undefined : baseUrlFault(entry.baseUrl);
  if (fault !== undefined) report([...path, 'baseUrl'], fault);
  for (const [header, value] of Object.entries(entry.headers ?? {})) {
    if (forbiddenHeaders.has(header.toLowerCase())) {
      report([...path, 'headers', header], 'may not be set here; secrets belong to a credential');
    } else if (!/^[!-9;-~]+$/.test(header) || !/^[\t -~]*$/.test(value)) {
      report([...path, 'headers', header], 'is not a header that HTTP can carry');
    }
  }
}

function baseUrlFault(text: string): string | undefined {
  const url = URL.parse(text);
  if (url === null) return 'is not a URL';
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must begin with https://';
  if (url.username !== '' || url.password !== '') return 'must carry no name or password';
  if (url.search !== '' || url.hash !== '') return 'must end with its path';
  return undefined;
}

function checkRoutes(
  name: string,
  entry: ModelEntry,
  document: PolicyDocument,
  report: Report,
): void {
  const seen = new Set<string>();
  for (const [index, route] of entry.routes.entries()) {
    const path = ['models', name, 'routes', index];
    const id = routeId(name, route);
    if (!Object.hasOwn(document.providers, route.provider)) {
      const near = suggestion(route.provider, Object.keys(document.providers));
      report([...path, 'provider'], `no provider "${route.provider}"${near}`);
    }
    if (seen.has(id)) report(path, `the route "${id}" stands here twice`);
    seen.add(id);
  }
  if (Object.hasOwn(document.groups, name)) report(['groups', name], 'a model has this name');
}

function checkPrices(document: PolicyDocument, report: Report): void {
  const routes = new Map<string, string>();
  for (const [name, entry] of Object.entries(document.models)) {
    for (const route of entry.routes) routes.set(routeId(name, route), route.provider);
  }
  for (const [id, entry] of Object.entries(document.prices)) {
    const provider = routes.get(id);
    if (provider === undefined) {
      report(['prices', id], `no route is called "${id}"${suggestion(id, routes.keys())}`);
      continue;
    }
    const providerEntry = document.providers[provider];
    if (providerEntry === undefined) continue;
    checkClasses(id, entry, recordFor(provider, providerEntry)?.format, report);
  }
}

/** What a format can report must have a price, or a call could not be billed. */
function checkClasses(
  id: string,
  entry: PriceEntry,
  format: string | undefined,
  report: Report,
): void {
  const needed: (keyof PriceEntry)[] = ['input', 'output'];
  if (format === 'anthropic-messages') needed.push('cacheWrite5m', 'cacheWrite1h');
  for (const name of needed) {
    if (entry[name] === undefined) {
      report(['prices', id, name], 'is missing; it must be dollars per million, in quotes');
    }
  }
}

function checkGroups(document: PolicyDocument, report: Report): void {
  for (const [name, entry] of Object.entries(document.groups)) {
    const seen = new Set<string>();
    for (const [index, member] of entry.members.entries()) {
      const path = ['groups', name, 'members', index];
      if (!Object.hasOwn(document.models, member.model)) {
        const near = suggestion(member.model, Object.keys(document.models));
        report([...path, 'model'], `no model "${member.model}"${near}`);
      }
      if (seen.has(member.model)) report(path, `"${member.model}" stands here twice`);
      seen.add(member.model);
      if (entry.by === 'weight' && member.weight === undefined) {
        report([...path, 'weight'], 'is missing; this group is chosen from by weight');
      }
    }
  }
}

function checkKeys(document: PolicyDocument, report: Report): void {
  const callable = [...Object.keys(document.models), ...Object.keys(document.groups)];
  for (const [organisation, entry] of Object.entries(document.organisations)) {
    for (const [key, settings] of Object.entries(entry.keys ?? {})) {
      const path = ['organisations', organisation, 'keys', key];
      for (const [index, name] of (settings.models ?? []).entries()) {
        if (callable.includes(name)) continue;
        report([...path, 'models', index], `no model "${name}"${suggestion(name, callable)}`);
      }
      const { outputTokensDefault: usual, outputTokensMax: most } = settings;
      if (usual !== undefined && most !== undefined && usual > most) {
        report([...path, 'outputTokensDefault'], `is more than outputTokensMax (${most})`);
      }
    }
  }
}
