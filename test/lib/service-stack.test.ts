/** What a deploy replaces: who may do what, how it streams, and that each alarm can be answered. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AwsSolutionsChecks } from 'cdk-nag';
import { describe, expect, test } from 'vitest';
import { tables, variables } from '../../lambdas/core/settings.ts';
import { loggedAlarms } from '../../lib/alarms.ts';
import { gatewayAccess } from '../../lib/gateway-function.ts';
import { resourcesOf, synthesize } from '../support/stacks.ts';

const root = join(import.meta.dirname, '..', '..');
const stacks = synthesize();
const { service } = stacks;
const [gateway] = resourcesOf(service, 'AWS::Lambda::Function');

type Statement = { Effect: string; Action: string | string[]; Resource: unknown };

function statements(): Statement[] {
  const [policy, ...others] = resourcesOf(service, 'AWS::IAM::Policy');
  expect(others).toEqual([]);
  const document = policy?.Properties.PolicyDocument as { Statement: Statement[] };
  return document.Statement;
}

describe('the gateway function', () => {
  test('runs on Node 24, on arm64, for as long as Lambda lets it', () => {
    expect(gateway?.Properties).toMatchObject({
      Runtime: 'nodejs24.x',
      Architectures: ['arm64'],
      MemorySize: 512,
      Timeout: 900,
      Handler: 'index.handler',
    });
    expect(gateway?.Properties.VpcConfig).toBeUndefined();
  });

  test('answers its URL as a stream, to anyone who comes through the URL and nobody else', () => {
    service.hasResourceProperties('AWS::Lambda::Url', {
      AuthType: 'NONE',
      InvokeMode: 'RESPONSE_STREAM',
    });
    const permissions = resourcesOf(service, 'AWS::Lambda::Permission').map(
      ({ Properties: { Action, FunctionUrlAuthType, InvokedViaFunctionUrl } }) => ({
        ...{ Action, FunctionUrlAuthType, InvokedViaFunctionUrl },
      }),
    );
    expect(permissions).toEqual([
      { Action: 'lambda:InvokeFunctionUrl', FunctionUrlAuthType: 'NONE' },
      { Action: 'lambda:InvokeFunction', InvokedViaFunctionUrl: true },
    ]);
  });

  test('knows every table and secret by the variables that the code reads', () => {
    const environment = gateway?.Properties.Environment as { Variables: object };
    expect(Object.keys(environment.Variables).sort()).toEqual(
      [
        ...Object.values(tables).map((table) => table.variable),
        variables.keySigningSecret,
        variables.credentialPrefix,
      ].sort(),
    );
  });

  test('may do to each table exactly what a call does, and to nothing else', () => {
    const granted = statements().filter(({ Action }) => String(Action).startsWith('dynamodb:'));
    const found = Object.fromEntries(
      granted.map(({ Action, Resource }) => {
        const name = Object.keys(tables).find((table) =>
          new RegExp(`GetAttStore${table}[0-9A-F]{8}Arn`, 'i').test(JSON.stringify(Resource)),
        );
        return [name, [Action].flat().sort()];
      }),
    );
    const wanted = Object.entries(gatewayAccess)
      .filter(([, actions]) => actions.length > 0)
      .map(([name, actions]) => [name, actions.map((action) => `dynamodb:${action}`).sort()]);
    expect(granted).toHaveLength(wanted.length);
    expect(found).toEqual(Object.fromEntries(wanted));
  });

  test('may read the signing secret and those below its prefix, and write only its own log', () => {
    const others = statements().filter(({ Action }) => !String(Action).startsWith('dynamodb:'));
    expect(others.map(({ Action }) => Action)).toEqual([
      ['logs:CreateLogStream', 'logs:PutLogEvents'],
      'secretsmanager:GetSecretValue',
    ]);
    const secrets = JSON.stringify(others[1]?.Resource);
    expect(secrets).toContain(':secret:fairlead/trial/credentials/*');
    expect(secrets.match(/\*/g)).toHaveLength(1);
    expect(resourcesOf(service, 'AWS::IAM::Role')[0]?.Properties).not.toHaveProperty(
      'ManagedPolicyArns',
    );
  });

  test('logs JSON into a group that forgets', () => {
    expect(gateway?.Properties.LoggingConfig).toMatchObject({ LogFormat: 'JSON' });
    service.hasResourceProperties('AWS::Logs::LogGroup', { RetentionInDays: 30 });
  });

  test('tells its URL as an output', () => {
    expect(Object.keys(service.findOutputs('Url'))).toEqual(['Url']);
  });
});

describe('the alarms', () => {
  const runbook = readFileSync(join(root, 'docs', 'runbook.md'), 'utf8');
  const alarms = resourcesOf(service, 'AWS::CloudWatch::Alarm').map(({ Properties }) => ({
    name: String(Properties.AlarmName).replace('fairlead-trial-', ''),
    description: String(Properties.AlarmDescription),
  }));

  test('have each a section in the runbook, and link to it', () => {
    expect(alarms.length).toBeGreaterThan(0);
    for (const { name, description } of alarms) {
      const section = runbook.split(/^## /m).find((text) => text.startsWith(`${name}\n`));
      expect(section, name).toMatch(/\*\*Means\.\*\*.*\*\*Look\.\*\*.*\*\*Do\.\*\*/s);
      expect(description).toContain(`docs/runbook.md#${name}`);
    }
  });

  test('are each the only cause of their section', () => {
    const sections = [...runbook.matchAll(/^## (.*)$/gm)].map((match) => match[1]);
    expect(sections.sort()).toEqual(alarms.map(({ name }) => name).sort());
  });

  test('that count lines of the log count lines that the gateway writes', () => {
    const folder = join(root, 'lambdas');
    const source = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.ts'))
      .map((path) => readFileSync(join(folder, path), 'utf8'))
      .join('\n');
    for (const { event } of Object.values(loggedAlarms)) {
      expect(source).toMatch(new RegExp(`log\\.(info|error)\\(\\s*'${event}'`));
    }
    expect(resourcesOf(service, 'AWS::Logs::MetricFilter')).toHaveLength(
      Object.keys(loggedAlarms).length,
    );
  });

  test('go to the topic of the stage where it has one', () => {
    const alarmTopicArn = 'arn:aws:sns:eu-west-1:123456789012:operators';
    for (const alarm of resourcesOf(
      synthesize({ alarmTopicArn }).service,
      'AWS::CloudWatch::Alarm',
    )) {
      expect(alarm.Properties.AlarmActions).toEqual([alarmTopicArn]);
    }
  });
});

test('the rules of AwsSolutions find nothing that is not acknowledged with a reason', () => {
  const report = new AwsSolutionsChecks(stacks.app).validateScope(stacks.app);
  expect(report.violations).toEqual([]);
  expect(report.success).toBe(true);
});
