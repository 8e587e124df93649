/** The secrets of an installation: the one that signs API keys, and providers' by their prefix. */
import { RemovalPolicy, Stack } from 'aws-cdk-lib';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Construct } from 'constructs';
import { variables } from '../lambdas/core/settings.ts';
import { acknowledge } from './acknowledge.ts';
import type { Stage } from './stage.ts';

/** Letters and digits: 64 of them carry 380 bits. */
const signingSecretChars = 64;

export class Secrets extends Construct {
  readonly keySigning: Secret;
  /** A provider's secret is named by this and the credential's name, and made by hand. */
  readonly credentialPrefix: string;

  constructor(scope: Construct, id: string, stage: Stage) {
    super(scope, id);
    this.credentialPrefix = `fairlead/${stage.name}/credentials/`;
    this.keySigning = new Secret(this, 'KeySigning', {
      description: 'Signs and checks API keys. A new value makes every key that was issued void.',
      generateSecretString: { passwordLength: signingSecretChars, excludePunctuation: true },
      removalPolicy: stage.removal === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    acknowledge(
      this.keySigning,
      'AwsSolutions-SMG4',
      'Rotating it on a schedule would make every API key void; keys themselves are rotated.',
    );
  }

  /** Lets a function read them, nothing more, and tells it where they are. */
  bindTo(target: LambdaFunction): void {
    const credentials = `secret:${this.credentialPrefix}*`;
    const { partition, region, account } = Stack.of(this);
    target.addToRolePolicy(
      new PolicyStatement({
        actions: ['secretsmanager:GetSecretValue'],
        resources: [
          this.keySigning.secretArn,
          `arn:${partition}:secretsmanager:${region}:${account}:${credentials}`,
        ],
      }),
    );
    acknowledge(
      target.role ?? target,
      `AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:secretsmanager:<AWS::Region>:` +
        `<AWS::AccountId>:${credentials}]`,
      "Providers' secrets are made after the stack, by name, under this one prefix.",
    );
    target.addEnvironment(variables.keySigningSecret, this.keySigning.secretArn);
    target.addEnvironment(variables.credentialPrefix, this.credentialPrefix);
  }
}
