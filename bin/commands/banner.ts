/** What `fairlead start` says once it runs: where it is, what opens it, and what to try. */
import type { LocalInstallation } from '../../lambdas/doors/compose-local.ts';

/** Exactly one line, for programs. */
export function jsonLine(local: LocalInstallation): string {
  const [first] = local.keys;
  const line = {
    gateway: local.gatewayUrl,
    admin: local.adminUrl,
    key: first?.text,
    adminKey: local.adminKey,
  };
  const all = local.keys.map(({ organisation, name, text }) => [`${organisation}/${name}`, text]);
  const more = local.keys.length > 1 ? { keys: Object.fromEntries(all) } : {};
  return `${JSON.stringify({ ...line, ...more })}\n`;
}

export function banner(
  local: LocalInstallation,
  environment: Readonly<Record<string, string | undefined>>,
): string {
  const { policy } = local.compiled;
  const models = [...policy.models.keys(), ...policy.groups.keys()];
  const keyLines = local.keys.map(
    ({ organisation, name, text }) => `  ${`${organisation}/${name}`.padEnd(12)}  ${text}`,
  );
  return [
    '',
    'Fairlead is running.',
    '',
    `  gateway       ${local.gatewayUrl}`,
    `  admin         ${local.adminUrl}/admin/v1/`,
    `  models        ${models.join(', ')}`,
    '',
    'Keys',
    ...keyLines,
    `  ${'admin'.padEnd(12)}  ${local.adminKey}`,
    '',
    ...notes(local, environment).flatMap((note) => [wrapped(note), '']),
    ...examples(local, models[0] ?? ''),
    'Ctrl-C lets calls in flight end; twice ends at once.',
    '',
  ].join('\n');
}

/** What somebody who starts this should know of it, one sentence each. */
export function notes(
  local: LocalInstallation,
  environment: Readonly<Record<string, string | undefined>>,
): string[] {
  const found: string[] = [];
  if (local.simulated) {
    found.push(
      'No provider key is set, so the providers are simulated: they answer over real HTTP and ' +
        'now and then fail, but no language model is asked. Set OPENAI_API_KEY or ' +
        'ANTHROPIC_API_KEY, or give a --policy, to call real ones.',
    );
  }
  for (const [credential, variable] of local.compiled.keyVariables) {
    if (environment[variable]) continue;
    found.push(`${variable} is not set: calls by way of "${credential}" will fail.`);
  }
  for (const route of local.compiled.unpriced) {
    found.push(`${route} has no price, so it is never called.`);
  }
  return found;
}

const columnsMax = 88;

/** Breaks a sentence where a line would be too long for a terminal. */
function wrapped(sentence: string): string {
  const lines = [''];
  for (const word of sentence.split(' ')) {
    const line = lines.at(-1) ?? '';
    if (line.length + word.length >= columnsMax) lines.push(word);
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`;
  }
  return lines.join('\n');
}

function examples(local: LocalInstallation, model: string): string[] {
  const [key] = local.keys;
  if (key === undefined) return [];
  const body = {
    model,
    stream: true,
    messages: [{ role: 'user', content: 'Good morning' }],
  };
  return [
    'Try it',
    `  curl -N ${local.gatewayUrl}/v1/chat/completions \\`,
    `    -H 'authorization: Bearer ${key.text}' \\`,
    `    -H 'content-type: application/json' \\`,
    `    -d '${JSON.stringify(body)}'`,
    '',
    'See what it cost',
    `  curl ${local.adminUrl}/admin/v1/organisations/${key.organisationId} \\`,
    `    -H 'authorization: Bearer ${local.adminKey}'`,
    '',
  ];
}
