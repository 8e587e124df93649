/** The shape of a policy document, before names are looked up in one another. */
import * as z from 'zod/mini';

/** Prepares what people may write in short; the schema stays the type of what comes out. */
function prepared<T extends z.core.SomeType>(prepare: (value: unknown) => unknown, schema: T) {
  const anyInput = schema as unknown as z.core.$ZodType<unknown, unknown>;
  return z.pipe(z.transform(prepare), anyInput) as unknown as z.ZodMiniPipe<
    z.ZodMiniTransform<unknown, unknown>,
    T
  >;
}

/** YAML writes an empty mapping as nothing at all. */
function orEmpty<T extends z.core.SomeType>(schema: T) {
  return prepared((value) => (value === null ? {} : value), schema);
}

/** A name alone stands for the mapping with only this field. */
function shortFor<T extends z.core.SomeType>(field: string, schema: T) {
  return prepared((value) => (typeof value === 'string' ? { [field]: value } : value), schema);
}

const decimalPattern = /^\d{1,15}(\.\d{1,20})?$/;

/** Money is written as a string: a YAML or JSON number has already lost its exactness. */
const money = z.custom<string>((value) => typeof value === 'string' && decimalPattern.test(value), {
  error: ({ input }) =>
    typeof input === 'number' || typeof input === 'bigint'
      ? `money must be quoted to stay exact: write "${input}"`
      : 'must be an amount of dollars in quotes, such as "0.15"',
});

const count = z.int().check(z.positive());
const milliseconds = z.int().check(z.positive(), z.maximum(900_000));
const names = z.string().check(z.minLength(1), z.maxLength(200));
/** Names of our own choosing, which stand in ids of routes and on command lines. */
const id = z.string().check(z.regex(/^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$/));

const provider = z.strictObject({
  kind: z.optional(names),
  baseUrl: z.optional(z.string()),
  credential: z.optional(z.union([names, z.literal(false)])),
  keyVariable: z.optional(z.string().check(z.regex(/^[A-Z][A-Z0-9_]*$/))),
  headers: z.optional(z.record(z.string(), z.string())),
  auth: z.optional(z.strictObject({ header: names, scheme: z.optional(names) })),
  quirks: z.optional(
    z.strictObject({
      outputCapField: z.optional(names),
      streamUsage: z.optional(z.enum(['asked', 'always', 'never'])),
      unsupported: z.optional(z.array(names)),
      reasoningOutsideOutput: z.optional(z.boolean()),
      reasoningField: z.optional(names),
      imageTokensMax: z.optional(count),
    }),
  ),
  timeouts: z.optional(
    z.strictObject({
      connectMs: z.optional(milliseconds),
      firstByteMs: z.optional(milliseconds),
      stallMs: z.optional(milliseconds),
    }),
  ),
  simulated: z.optional(z.boolean()),
});

const prior = z.strictObject({
  success: z.optional(z.number().check(z.minimum(0.01), z.maximum(0.999))),
  firstTokenMs: z.optional(z.number().check(z.positive())),
  tokensPerSecond: z.optional(z.number().check(z.positive())),
});

const model = z.strictObject({
  contextTokens: z.optional(count),
  outputTokensMax: z.optional(count),
  routes: z
    .array(
      shortFor(
        'provider',
        z.strictObject({
          provider: names,
          model: z.optional(names),
          prior: z.optional(prior),
        }),
      ),
    )
    .check(z.minLength(1)),
});

const price = z.strictObject({
  version: z.optional(names),
  input: z.optional(money),
  cachedInput: z.optional(money),
  cacheWrite5m: z.optional(money),
  cacheWrite1h: z.optional(money),
  inputAudio: z.optional(money),
  output: z.optional(money),
  outputAudio: z.optional(money),
  perRequest: z.optional(money),
  perPiece: z.optional(z.record(names, money)),
});

const group = z.strictObject({
  by: z._default(z.enum(['cost', 'priority', 'weight']), 'cost'),
  members: z
    .array(
      shortFor(
        'model',
        z.strictObject({
          model: names,
          weight: z.optional(z.number().check(z.positive())),
          priority: z.optional(z.int().check(z.nonnegative())),
        }),
      ),
    )
    .check(z.minLength(1)),
});

const keyLimits = z.strictObject({
  requestsPerMinute: z.optional(count),
  tokensPerMinute: z.optional(count),
  concurrency: z.optional(count),
  dailyUsd: z.optional(money),
});

const key = z.strictObject({
  name: z.optional(names),
  limits: z.optional(orEmpty(keyLimits)),
  models: z.optional(z.array(names).check(z.minLength(1))),
  outputTokensDefault: z.optional(count),
  outputTokensMax: z.optional(count),
  overBudget: z.optional(z.enum(['clamp', 'refuse'])),
});

const organisation = z.strictObject({
  name: z.optional(names),
  billing: z._default(z.enum(['prepaid', 'postpaid']), 'prepaid'),
  balance: z.optional(money),
  budget: z.optional(money),
  keys: z.optional(z.record(id, orEmpty(key))),
});

export const policySchema = z.strictObject({
  version: z.optional(names),
  providers: z.record(id, orEmpty(provider)),
  models: z.record(names, model),
  prices: z._default(z.record(names, price), {}),
  groups: z._default(z.record(names, group), {}),
  worth: z.optional(z.strictObject({ secondUsd: z.optional(money), errorUsd: z.optional(money) })),
  attempts: z.optional(
    z.strictObject({
      legsMax: z.optional(z.int().check(z.positive(), z.maximum(10))),
      attemptsMax: z.optional(z.int().check(z.positive(), z.maximum(10))),
      deadlineMs: z.optional(milliseconds),
    }),
  ),
  organisations: z._default(z.record(id, orEmpty(organisation)), {}),
});

export type PolicyDocument = z.infer<typeof policySchema>;
export type ProviderEntry = PolicyDocument['providers'][string];
export type PriceEntry = PolicyDocument['prices'][string];
export type ModelEntry = PolicyDocument['models'][string];
/** What people write: short forms and omissions included. */
export type PolicyInput = z.input<typeof policySchema>;

/** Every field that stands somewhere in a document, for suggestions. */
export const policyFieldNames: readonly string[] = [
  policySchema.shape,
  provider.shape,
  provider.shape.quirks._zod.def.innerType.shape,
  provider.shape.timeouts._zod.def.innerType.shape,
  prior.shape,
  model.shape,
  price.shape,
  group.shape,
  key.shape,
  keyLimits.shape,
  organisation.shape,
].flatMap((shape) => Object.keys(shape));
