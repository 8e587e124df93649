/** What outlives a deploy: tables and secrets. */
import { type App, Stack } from 'aws-cdk-lib';
import { Secrets } from './secrets.ts';
import type { Stage } from './stage.ts';
import { Store } from './store.ts';

export class StateStack extends Stack {
  readonly store: Store;
  readonly secrets: Secrets;

  constructor(app: App, stage: Stage) {
    super(app, `Fairlead-${stage.name}-State`, {
      description: 'Fairlead: what outlives a deploy',
      terminationProtection: stage.removal === 'retain',
    });
    this.store = new Store(this, 'Store', stage);
    this.secrets = new Secrets(this, 'Secrets', stage);
  }
}
