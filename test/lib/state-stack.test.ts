/** What outlives a deploy: no setting may make it easier to lose than it was meant to be. */
import { describe, expect, test } from 'vitest';
import { type TableSpec, tables } from '../../lambdas/core/settings.ts';
import { type Resource, resourcesOf, synthesize } from '../support/stacks.ts';

const { state } = synthesize();
const thrownAway = synthesize({ removal: 'destroy' }).state;
const named = Object.entries(tables) as [string, TableSpec][];

function tableOf(template: typeof state, name: string): Resource {
  const found = Object.entries(template.findResources('AWS::DynamoDB::GlobalTable')).find(([id]) =>
    id.toLowerCase().startsWith(`store${name}`),
  );
  if (found === undefined) throw new Error(`no table ${name}`);
  return found[1] as Resource;
}

function replicaOf(table: Resource): Record<string, unknown> {
  const [replica, ...others] = table.Properties.Replicas as Record<string, unknown>[];
  expect(others).toEqual([]);
  return replica ?? {};
}

test('there are the tables of the settings and no others', () => {
  expect(resourcesOf(state, 'AWS::DynamoDB::GlobalTable')).toHaveLength(named.length);
});

describe.each(named)('the table %s', (name, spec) => {
  const table = tableOf(state, name);

  test('has the keys and the expiry that the code counts on', () => {
    const range = spec.sortKey ? [{ AttributeName: spec.sortKey, KeyType: 'RANGE' }] : [];
    expect(table.Properties.KeySchema).toEqual([
      { AttributeName: spec.partitionKey, KeyType: 'HASH' },
      ...range,
    ]);
    expect(table.Properties.TimeToLiveSpecification).toEqual(
      spec.expiryAttribute ? { AttributeName: spec.expiryAttribute, Enabled: true } : undefined,
    );
  });

  test('is paid by use and encrypted with a key that AWS keeps', () => {
    expect(table.Properties.BillingMode).toBe('PAY_PER_REQUEST');
    expect(table.Properties.SSESpecification).toEqual({ SSEEnabled: true, SSEType: 'KMS' });
  });

  test('is protected and recoverable exactly where it is precious', () => {
    expect(replicaOf(table)).toMatchObject({
      DeletionProtectionEnabled: spec.precious,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: spec.precious },
    });
    expect(table.DeletionPolicy).toBe(spec.precious ? 'Retain' : 'Delete');
  });

  test('goes with its stack on a stage that is thrown away, still recoverable until then', () => {
    const lost = tableOf(thrownAway, name);
    expect(lost.DeletionPolicy).toBe('Delete');
    expect(replicaOf(lost)).toMatchObject({
      DeletionProtectionEnabled: false,
      PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: spec.precious },
    });
  });
});

test('the signing secret is made by AWS, of more than 32 bytes, and outlives its stack', () => {
  const [secret, ...others] = resourcesOf(state, 'AWS::SecretsManager::Secret');
  expect(others).toEqual([]);
  expect(secret?.DeletionPolicy).toBe('Retain');
  const generated = secret?.Properties.GenerateSecretString as { PasswordLength: number };
  // A letter or digit carries 5.95 bits.
  expect(generated.PasswordLength * 5.95).toBeGreaterThan(32 * 8);
  expect(secret?.Properties.SecretString).toBeUndefined();
});
