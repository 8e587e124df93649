/** What may differ from one stage to the next, and nothing else may. */
import { RetentionDays } from 'aws-cdk-lib/aws-logs';
import { z } from 'zod';

const retentionDays = Object.values(RetentionDays).filter((days) => typeof days === 'number');

const stageSettings = z.strictObject({
  /** `retain` keeps tables and secrets when their stack goes; `destroy` is for throwaway stages. */
  removal: z.enum(['retain', 'destroy']).default('retain'),
  /**
   * Duration is billed by memory, and a gateway mostly waits: but half a gigabyte is what brings
   * enough of a core to start in time and to pass a fast stream on.
   */
  memoryMb: z.int().min(128).max(10_240).default(512),
  logRetentionDays: z
    .literal(retentionDays)
    .default(RetentionDays.ONE_MONTH)
    .transform((days): RetentionDays => days),
  /** Where alarms go; without it they only change colour. */
  alarmTopicArn: z.string().startsWith('arn:').optional(),
  /** Sets concurrency aside, and with it a ceiling on what a flood can cost. */
  reservedConcurrency: z.int().min(1).optional(),
});

const stageName = z.string().regex(/^[a-z][a-z0-9-]{0,19}$/);

export type Stage = z.output<typeof stageSettings> & { name: string };

/** Reads one stage out of the `stages` of `cdk.json`; throws on names that are not there. */
export function readStage(name: unknown, stages: unknown): Stage {
  const known = z.record(stageName, stageSettings).parse(stages ?? {});
  const wanted = stageName.parse(name);
  const settings = known[wanted];
  if (settings === undefined) {
    throw new Error(
      `no stage "${wanted}" in cdk.json; there are: ${Object.keys(known).join(', ')}`,
    );
  }
  return { name: wanted, ...settings };
}
