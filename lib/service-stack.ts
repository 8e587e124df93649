/** What a deploy replaces: a parts list. */
import { type App, CfnOutput, Stack } from 'aws-cdk-lib';
import { Alarms } from './alarms.ts';
import { GatewayFunction } from './gateway-function.ts';
import type { Stage } from './stage.ts';
import type { StateStack } from './state-stack.ts';

export type ServiceProps = {
  stage: Stage;
  state: StateStack;
  /** Folder with the bundled gateway. */
  directory: string;
};

export class ServiceStack extends Stack {
  constructor(app: App, { stage, state, directory }: ServiceProps) {
    super(app, `Fairlead-${stage.name}-Service`, {
      description: 'Fairlead: what a deploy replaces',
    });
    const { store, secrets } = state;
    const gateway = new GatewayFunction(this, 'Gateway', { stage, store, secrets, directory });
    new Alarms(this, 'Alarms', { stage, gateway, store });
    new CfnOutput(this, 'Url', { value: gateway.url.url, description: 'Where callers call' });
  }
}
