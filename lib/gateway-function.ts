/** The gateway as a function with a streaming URL, its role and its log. */
import { Duration, RemovalPolicy } from 'aws-cdk-lib';
import { Effect, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import {
  Architecture,
  Code,
  type FunctionUrl,
  FunctionUrlAuthType,
  InvokeMode,
  Function as LambdaFunction,
  LoggingFormat,
  Runtime,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import { Construct } from 'constructs';
import type { Secrets } from './secrets.ts';
import type { Stage } from './stage.ts';
import type { Store, TableAccess } from './store.ts';

/** The longest that Lambda lets anything run: the longest stream that can be carried. */
const timeoutMinutes = 15;

/** What a call does to the tables, and no more than that; see the story of the deployed gateway. */
export const gatewayAccess = {
  /** The policy in force. */
  keys: ['GetItem'],
  /** Holds and settlements; a hold that has expired is read again before it is healed. */
  counters: ['GetItem', 'UpdateItem'],
  cache: [],
  /** The record is the commit point of a settlement; healing reads whether there is one. */
  usage: ['GetItem', 'PutItem'],
} as const satisfies TableAccess;

export type GatewayProps = {
  stage: Stage;
  store: Store;
  secrets: Secrets;
  /** Folder with the bundled door. */
  directory: string;
};

export class GatewayFunction extends Construct {
  readonly function: LambdaFunction;
  readonly url: FunctionUrl;
  readonly log: LogGroup;

  constructor(scope: Construct, id: string, props: GatewayProps) {
    super(scope, id);
    const { stage } = props;
    this.log = new LogGroup(this, 'Log', {
      retention: stage.logRetentionDays,
      removalPolicy: stage.removal === 'retain' ? RemovalPolicy.RETAIN : RemovalPolicy.DESTROY,
    });
    this.function = new LambdaFunction(this, 'Function', {
      description: 'One API key in front of every model',
      code: Code.fromAsset(props.directory),
      handler: 'index.handler',
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: stage.memoryMb,
      timeout: Duration.minutes(timeoutMinutes),
      role: this.role(),
      logGroup: this.log,
      loggingFormat: LoggingFormat.JSON,
      ...(stage.reservedConcurrency === undefined
        ? {}
        : { reservedConcurrentExecutions: stage.reservedConcurrency }),
    });
    props.store.bindTo(this.function, gatewayAccess);
    props.secrets.bindTo(this.function);
    // Callers carry keys of ours, which the gateway checks before anything else.
    this.url = this.function.addFunctionUrl({
      authType: FunctionUrlAuthType.NONE,
      invokeMode: InvokeMode.RESPONSE_STREAM,
    });
  }

  private role(): Role {
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
    });
    role.addToPolicy(
      new PolicyStatement({
        effect: Effect.ALLOW,
        actions: ['logs:CreateLogStream', 'logs:PutLogEvents'],
        resources: [this.log.logGroupArn],
      }),
    );
    return role;
  }
}
