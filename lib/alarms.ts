/** What wakes somebody up: each alarm is a line here and a section in docs/runbook.md. */
import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  Metric,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { FilterPattern, type JsonPattern, type LogGroup } from 'aws-cdk-lib/aws-logs';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { Construct } from 'constructs';
import type { GatewayFunction } from './gateway-function.ts';
import type { Stage } from './stage.ts';
import type { Store } from './store.ts';

const periodMinutes = 5;

/** Alarms on lines that the gateway logs: the event's name, and what else the line must say. */
export const loggedAlarms = {
  'unpriced-record': {
    event: 'call',
    where: { status: 'unpriced' },
    means: 'An answer was delivered that could not be priced; its hold stays.',
  },
  'settle-failed': {
    event: 'settle-failed',
    where: {},
    means: 'The store would not take a settlement; the hold stays until it expires.',
  },
  'store-unavailable': {
    event: 'store-unavailable',
    where: {},
    means: 'Calls are refused because their limits cannot be checked.',
  },
  'credential-unavailable': {
    event: 'credential-unavailable',
    where: {},
    means: "A provider's secret could not be read, so its routes are closed.",
  },
  'policy-refresh-failed': {
    event: 'policy-refresh-failed',
    where: {},
    means: 'The policy in the store cannot be read; the last good one stays in force.',
  },
  'gateway-fault': {
    event: 'fault',
    where: {},
    means: 'The gateway failed in a way that it has no answer for: a defect.',
  },
} as const satisfies Record<string, LoggedAlarm>;

type LoggedAlarm = { event: string; where: Record<string, string>; means: string };

export type AlarmsProps = { stage: Stage; gateway: GatewayFunction; store: Store };

export class Alarms extends Construct {
  private readonly stage: Stage;
  private readonly topic: SnsAction | undefined;

  constructor(scope: Construct, id: string, { stage, gateway, store }: AlarmsProps) {
    super(scope, id);
    this.stage = stage;
    if (stage.alarmTopicArn !== undefined) {
      this.topic = new SnsAction(Topic.fromTopicArn(this, 'Topic', stage.alarmTopicArn));
    }
    const period = Duration.minutes(periodMinutes);
    this.alarm('gateway-errors', gateway.function.metricErrors({ period }), {
      means: 'Invocations ended in a fault, a time-out or a broken stream.',
    });
    this.alarm('gateway-throttles', gateway.function.metricThrottles({ period }), {
      means: 'Lambda turned callers away: concurrency is used up.',
    });
    for (const [name, logged] of Object.entries(loggedAlarms)) {
      this.alarm(name, countLines(gateway.log, name, logged, stage), logged);
    }
    for (const name of ['counters', 'usage'] as const) {
      this.alarm(`${name}-throttled`, writeThrottles(store.tables[name]), {
        means: `Writes to the ${name} table are turned away.`,
      });
    }
  }

  private alarm(name: string, metric: IMetric, { means }: { means: string }): void {
    const alarm = new Alarm(this, name, {
      alarmName: `fairlead-${this.stage.name}-${name}`,
      alarmDescription: `${means} See docs/runbook.md#${name}`,
      metric,
      threshold: 1,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    if (this.topic !== undefined) alarm.addAlarmAction(this.topic);
  }
}

function countLines(log: LogGroup, name: string, alarm: LoggedAlarm, stage: Stage): Metric {
  const filter = log.addMetricFilter(name, {
    filterPattern: linePattern(alarm),
    metricNamespace: 'Fairlead',
    metricName: `${stage.name}-${name}`,
    metricValue: '1',
  });
  return filter.metric({ statistic: 'Sum', period: Duration.minutes(periodMinutes) });
}

/** A line stands as it was written, or under `message` where Lambda has wrapped it. */
function linePattern({ event, where }: LoggedAlarm): JsonPattern {
  const wanted = Object.entries({ event, ...where });
  const at = (prefix: string): JsonPattern =>
    FilterPattern.all(
      ...wanted.map(([field, value]) => FilterPattern.stringValue(prefix + field, '=', value)),
    );
  return FilterPattern.any(at('$.'), at('$.message.'));
}

function writeThrottles(table: TableV2): Metric {
  return new Metric({
    namespace: 'AWS/DynamoDB',
    metricName: 'WriteThrottleEvents',
    dimensionsMap: { TableName: table.tableName },
    statistic: 'Sum',
    period: Duration.minutes(periodMinutes),
  });
}
