/** Where we differ from the AwsSolutions rules knowingly, each time with the reason. */
import { Validations } from 'aws-cdk-lib';
import type { IConstruct } from 'constructs';

/** `id` is the rule's name, with its finding in brackets where a rule has several. */
export function acknowledge(construct: IConstruct, id: string, reason: string): void {
  Validations.of(construct).acknowledge({ id, reason });
}
