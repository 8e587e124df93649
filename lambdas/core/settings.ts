/**
 * What the code and the ground it runs on must agree about: tables and environment variables,
 * as data. `lib/` builds from it, `doors/compose.ts` reads by it, local mode creates from it.
 */

export type TableSpec = {
  /** Environment variable that carries the table's name. */
  variable: string;
  partitionKey: string;
  sortKey?: string;
  /** Attribute with epoch seconds after which DynamoDB may tidy the item away. */
  expiryAttribute?: string;
  /** Whether it holds what no one could work out again: point-in-time recovery, retained. */
  precious: boolean;
};

export const tables = {
  /** Organisations, keys, ledger, policy: what people decided. */
  keys: { variable: 'FAIRLEAD_TABLE_KEYS', partitionKey: 'pk', sortKey: 'sk', precious: true },
  /** Accounts with their windows, balances and holds; health of routes. */
  counters: { variable: 'FAIRLEAD_TABLE_COUNTERS', partitionKey: 'pk', precious: true },
  /** Cached replies: may vanish at any time. */
  cache: {
    variable: 'FAIRLEAD_TABLE_CACHE',
    partitionKey: 'pk',
    sortKey: 'sk',
    expiryAttribute: 'expiresAt',
    precious: false,
  },
  /** One record a call, and the rollups over them. */
  usage: { variable: 'FAIRLEAD_TABLE_USAGE', partitionKey: 'pk', sortKey: 'sk', precious: true },
} as const satisfies Record<string, TableSpec>;

export type TableName = keyof typeof tables;
export type TableNames = Record<TableName, string>;

export const variables = {
  /** Another DynamoDB than the region's own. */
  dynamodbEndpoint: 'DYNAMODB_ENDPOINT',
  /** Name or ARN of the secret whose value signs API keys. */
  keySigningSecret: 'FAIRLEAD_KEY_SIGNING_SECRET',
  /** Prefix of the names of providers' secrets in Secrets Manager. */
  credentialPrefix: 'FAIRLEAD_CREDENTIAL_PREFIX',
  allowPrivateUpstreams: 'FAIRLEAD_ALLOW_PRIVATE_UPSTREAMS',
} as const;

/** Sizes that bound every call. */
export const limits = {
  /** The function URL's own ceiling is 6 MB; a larger body is refused before it is parsed. */
  requestBytesMax: 6 * 1024 * 1024,
  wholeReplyBytesMax: 32 * 1024 * 1024,
  errorBodyBytesMax: 64 * 1024,
} as const;
