/** Both stacks of a stage, synthesized around a small function instead of the whole gateway. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { ServiceStack } from '../../lib/service-stack.ts';
import { readStage } from '../../lib/stage.ts';
import { StateStack } from '../../lib/state-stack.ts';

export type Resource = {
  Type: string;
  Properties: Record<string, unknown>;
  DeletionPolicy?: string;
};

export type Stacks = { app: App; state: Template; service: Template };

export function synthesize(settings: Record<string, unknown> = {}): Stacks {
  const directory = mkdtempSync(join(tmpdir(), 'fairlead-asset-'));
  writeFileSync(join(directory, 'index.cjs'), 'exports.handler = async () => {};');
  try {
    const app = new App({ analyticsReporting: false });
    const stage = readStage('trial', { trial: settings });
    const state = new StateStack(app, stage);
    const service = new ServiceStack(app, { stage, state, directory });
    return { app, state: Template.fromStack(state), service: Template.fromStack(service) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

export function resourcesOf(template: Template, type: string): Resource[] {
  return Object.values(template.findResources(type)) as Resource[];
}
