/** The four tables, as core/settings describes them, and the one way to be let in. */
import { RemovalPolicy } from 'aws-cdk-lib';
import { AttributeType, Billing, TableEncryptionV2, TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { Function as LambdaFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { type TableName, type TableSpec, tables } from '../lambdas/core/settings.ts';
import { acknowledge } from './acknowledge.ts';
import type { Stage } from './stage.ts';

export type TableAction =
  | 'GetItem'
  | 'PutItem'
  | 'UpdateItem'
  | 'DeleteItem'
  | 'Query'
  | 'ConditionCheckItem';

/** What a function does with each table; a table it does not name stays closed to it. */
export type TableAccess = Partial<Record<TableName, readonly TableAction[]>>;

export class Store extends Construct {
  readonly tables: Record<TableName, TableV2>;

  constructor(scope: Construct, id: string, stage: Stage) {
    super(scope, id);
    this.tables = {
      keys: this.table('Keys', tables.keys, stage),
      counters: this.table('Counters', tables.counters, stage),
      cache: this.table('Cache', tables.cache, stage),
      usage: this.table('Usage', tables.usage, stage),
    };
  }

  /** Lets a function in and tells it the names, in one go: neither is of use without the other. */
  bindTo(target: LambdaFunction, access: TableAccess): void {
    for (const name of Object.keys(tables) as TableName[]) {
      const actions = access[name];
      if (actions === undefined) continue;
      const table = this.tables[name];
      if (actions.length > 0) {
        table.grant(target, ...actions.map((action) => `dynamodb:${action}`));
      }
      target.addEnvironment(tables[name].variable, table.tableName);
    }
  }

  private table(id: string, spec: TableSpec, stage: Stage): TableV2 {
    const keep = spec.precious && stage.removal === 'retain';
    const key = (name: string) => ({ name, type: AttributeType.STRING });
    const table = new TableV2(this, id, {
      partitionKey: key(spec.partitionKey),
      ...(spec.sortKey === undefined ? {} : { sortKey: key(spec.sortKey) }),
      ...(spec.expiryAttribute === undefined ? {} : { timeToLiveAttribute: spec.expiryAttribute }),
      billing: Billing.onDemand(),
      encryption: TableEncryptionV2.awsManagedKey(),
      pointInTimeRecoverySpecification: { pointInTimeRecoveryEnabled: spec.precious },
      deletionProtection: keep,
      removalPolicy: keep ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    if (!spec.precious) {
      acknowledge(table, 'AwsSolutions-DDB3', 'Cached replies can be asked for again.');
    }
    return table;
  }
}
