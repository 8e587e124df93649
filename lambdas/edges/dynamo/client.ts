/** The one client of the store: DynamoDB's JSON protocol, signed, and tried again once. */
import { StoreError } from '../../core/accounts.ts';
import type { AttributeValue, Item } from './attributes.ts';
import type { CredentialSource } from './credentials.ts';
import { createSigner } from './signing.ts';
import type { Transport, TransportReply } from './transport.ts';

type Expressions = {
  ExpressionAttributeNames?: Record<string, string>;
  ExpressionAttributeValues?: Record<string, AttributeValue>;
};
type Conditional = Expressions & {
  ConditionExpression?: string;
  ReturnValuesOnConditionCheckFailure?: 'ALL_OLD' | 'NONE';
};

export type GetInput = { TableName: string; Key: Item; ConsistentRead?: boolean };
export type PutInput = Conditional & { TableName: string; Item: Item };
export type UpdateInput = Conditional & {
  TableName: string;
  Key: Item;
  UpdateExpression: string;
  ReturnValues?: 'NONE' | 'ALL_OLD' | 'UPDATED_OLD' | 'ALL_NEW' | 'UPDATED_NEW';
};
export type DeleteInput = Conditional & {
  TableName: string;
  Key: Item;
  ReturnValues?: 'NONE' | 'ALL_OLD';
};
export type QueryInput = Expressions & {
  TableName: string;
  KeyConditionExpression: string;
  FilterExpression?: string;
  ScanIndexForward?: boolean;
  ConsistentRead?: boolean;
  Limit?: number;
  ExclusiveStartKey?: Item;
};
export type ScanInput = Expressions & {
  TableName: string;
  FilterExpression?: string;
  ConsistentRead?: boolean;
  Limit?: number;
  ExclusiveStartKey?: Item;
};
export type Page = { items: Item[]; next?: Item };
type TransactUpdate = Omit<UpdateInput, 'ReturnValues'>;
export type TransactInput = {
  TransactItems: ({ Put: PutInput } | { Update: TransactUpdate })[];
  ClientRequestToken?: string;
};
export type TableInput = {
  TableName: string;
  AttributeDefinitions: { AttributeName: string; AttributeType: 'S' }[];
  KeySchema: { AttributeName: string; KeyType: 'HASH' | 'RANGE' }[];
  BillingMode: 'PAY_PER_REQUEST';
};
export type TimeToLiveInput = {
  TableName: string;
  TimeToLiveSpecification: { AttributeName: string; Enabled: boolean };
};

/**
 * Inputs are the SDK's own, so that a reader knows them. Every call rejects with a
 * `ConditionFailed`, a `TransactionFailed`, or a `StoreError`.
 */
export type DynamoClient = {
  getItem(input: GetInput): Promise<Item | undefined>;
  putItem(input: PutInput): Promise<void>;
  /** The attributes asked for by `ReturnValues`; empty where none were. */
  updateItem(input: UpdateInput): Promise<Item>;
  deleteItem(input: DeleteInput): Promise<Item | undefined>;
  query(input: QueryInput): Promise<Page>;
  scan(input: ScanInput): Promise<Page>;
  transactWrite(input: TransactInput): Promise<void>;
  /** `false` where the table was there already. */
  createTable(input: TableInput): Promise<boolean>;
  updateTimeToLive(input: TimeToLiveInput): Promise<void>;
  close(): Promise<void>;
};

/** A condition did not hold; carries what the item was, where that was asked for. */
export class ConditionFailed extends Error {
  readonly item: Item | undefined;
  constructor(item: Item | undefined) {
    super('the condition did not hold');
    this.name = 'ConditionFailed';
    this.item = item;
  }
}

/** A transaction was cancelled by a condition; one reason for each of its items, in order. */
export class TransactionFailed extends Error {
  readonly reasons: readonly TransactionReason[];
  constructor(reasons: readonly TransactionReason[]) {
    super('the transaction was cancelled');
    this.name = 'TransactionFailed';
    this.reasons = reasons;
  }
}
export type TransactionReason = { code: string; item: Item | undefined };

export type ClientOptions = {
  transport: Transport;
  /** The same that the transport sends to. */
  endpoint: string;
  region: string;
  credentials: CredentialSource;
};

export function createDynamoClient(options: ClientOptions): DynamoClient {
  const send = createSender(options);
  const page = async (operation: string, input: object): Promise<Page> => {
    const reply = await send(operation, input);
    const items = reply.Items ?? [];
    return reply.LastEvaluatedKey === undefined
      ? { items }
      : { items, next: reply.LastEvaluatedKey };
  };
  return {
    getItem: async (input) => (await send('GetItem', input)).Item,
    putItem: async (input) => void (await send('PutItem', input)),
    updateItem: async (input) => (await send('UpdateItem', input)).Attributes ?? {},
    deleteItem: async (input) => (await send('DeleteItem', input)).Attributes,
    query: (input) => page('Query', input),
    scan: (input) => page('Scan', input),
    transactWrite: async (input) => void (await send('TransactWriteItems', input)),
    async createTable(input) {
      try {
        await send('CreateTable', input);
        return true;
      } catch (error) {
        if (error instanceof StoreError && error.message.includes('ResourceInUse')) return false;
        throw error;
      }
    },
    updateTimeToLive: async (input) => void (await send('UpdateTimeToLive', input)),
    close: () => options.transport.close(),
  };
}

type Reply = {
  __type?: string;
  message?: string;
  Message?: string;
  Item?: Item;
  Attributes?: Item;
  Items?: Item[];
  LastEvaluatedKey?: Item;
  CancellationReasons?: { Code?: string; Item?: Item }[];
};

const retryWaitMs = { least: 20, most: 120 } as const;

function createSender(options: ClientOptions) {
  const { transport, credentials } = options;
  const signer = createSigner(new URL(options.endpoint).host, options.region);

  const post = (operation: string, body: string): Promise<TransportReply> => {
    const found = credentials();
    if (!(found instanceof Promise)) {
      return transport.post(signer.headers(operation, body, found, Date.now()), body);
    }
    return found.then((ready) =>
      transport.post(signer.headers(operation, body, ready, Date.now()), body),
    );
  };

  return async (operation: string, input: object): Promise<Reply> => {
    const body = JSON.stringify(input);
    let fault: StoreError;
    try {
      const first = await post(operation, body);
      if (first.status === 200) return parse(first);
      fault = judge(operation, first);
      if (!(fault instanceof PassingFault)) throw fault;
    } catch (error) {
      if (isVerdict(error)) throw error;
      fault = transportFault(operation, error);
    }
    await waitAwhile();
    try {
      const second = await post(operation, body);
      if (second.status === 200) return parse(second);
      throw judge(operation, second);
    } catch (error) {
      if (isVerdict(error) || error instanceof PassingFault) throw error;
      throw transportFault(operation, error);
    }
  };
}

/** A fault of the moment, worth one more try. */
class PassingFault extends StoreError {}

/** Answers about the request itself: trying again would only hear them again. */
function isVerdict(error: unknown): boolean {
  if (error instanceof ConditionFailed || error instanceof TransactionFailed) return true;
  return error instanceof StoreError && !(error instanceof PassingFault);
}

function transportFault(operation: string, error: unknown): StoreError {
  return new PassingFault(`${operation}: the store did not answer`, { cause: error });
}

function parse(reply: TransportReply): Reply {
  return JSON.parse(reply.body) as Reply;
}

const passingFaults = new Set([
  'ThrottlingException',
  'ProvisionedThroughputExceededException',
  'RequestLimitExceeded',
  'InternalServerError',
  'TransactionConflictException',
  'TransactionInProgressException',
]);

/** Says what a refusal was; throws where a condition decided it. */
function judge(operation: string, reply: TransportReply): StoreError {
  let said: Reply;
  try {
    said = parse(reply);
  } catch {
    return new PassingFault(`${operation}: the store answered ${reply.status}`);
  }
  const kind = (said.__type ?? '').replace(/^.*#/, '');
  if (kind === 'ConditionalCheckFailedException') throw new ConditionFailed(said.Item);
  if (kind === 'TransactionCanceledException') return judgeTransaction(operation, said);
  const message = `${operation}: ${kind} ${said.message ?? said.Message ?? ''}`.trim();
  if (reply.status >= 500 || passingFaults.has(kind)) return new PassingFault(message);
  return new StoreError(message);
}

function judgeTransaction(operation: string, said: Reply): StoreError {
  const reasons = (said.CancellationReasons ?? []).map((reason) => ({
    code: reason.Code ?? 'None',
    item: reason.Item,
  }));
  if (reasons.some((reason) => reason.code === 'ConditionalCheckFailed')) {
    throw new TransactionFailed(reasons);
  }
  const codes = reasons.map((reason) => reason.code).join(', ');
  if (/Conflict|Throttling|Throughput/.test(codes))
    return new PassingFault(`${operation}: ${codes}`);
  return new StoreError(`${operation}: cancelled (${codes})`);
}

function waitAwhile(): Promise<void> {
  const { least, most } = retryWaitMs;
  const ms = least + Math.random() * (most - least);
  return new Promise((resolve) => setTimeout(resolve, ms));
}
