/** The CDK app: one pair of stacks for the stage that is asked for (`-c stage=prod`). */
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { bundleLambda } from '../lib/bundle.ts';
import { ServiceStack } from '../lib/service-stack.ts';
import { readStage } from '../lib/stage.ts';
import { StateStack } from '../lib/state-stack.ts';

const root = join(import.meta.dirname, '..');
const defaultStage = 'dev';

const app = new App();
const stage = readStage(
  app.node.tryGetContext('stage') ?? defaultStage,
  app.node.tryGetContext('stages'),
);

const entry = join(root, 'lambdas', 'doors', 'gateway.lambda.ts');
const bundle = bundleLambda(entry, join(root, 'dist', 'gateway'));
console.error(`gateway: ${bundle.bytes} bytes in one file`);

const state = new StateStack(app, stage);
new ServiceStack(app, { stage, state, directory: bundle.directory });
app.synth();
