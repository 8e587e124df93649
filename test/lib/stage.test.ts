/** Stage settings: what is not said has a careful default, what is not known is refused. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readStage } from '../../lib/stage.ts';

test('a stage that says nothing keeps what it stores', () => {
  expect(readStage('prod', { prod: {} })).toEqual({
    name: 'prod',
    removal: 'retain',
    memoryMb: 512,
    logRetentionDays: 30,
  });
});

test('a setting that is misspelt or out of range is refused, not ignored', () => {
  expect(() => readStage('prod', { prod: { memory: 256 } })).toThrow('memory');
  expect(() => readStage('prod', { prod: { memoryMb: 64 } })).toThrow('memoryMb');
  expect(() => readStage('prod', { prod: { logRetentionDays: 8 } })).toThrow('logRetentionDays');
});

test('a stage that is not there is named beside those that are', () => {
  expect(() => readStage('proud', { dev: {}, prod: {} })).toThrow(/"proud".*dev, prod/);
});

test('every stage of cdk.json can be read', () => {
  const file = readFileSync(join(import.meta.dirname, '..', '..', 'cdk.json'), 'utf8');
  const { stages } = JSON.parse(file).context;
  for (const name of Object.keys(stages)) expect(readStage(name, stages).name).toBe(name);
});
