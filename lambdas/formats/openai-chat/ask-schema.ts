/** What a Chat Completions request may look like. Unknown fields are kept: objects are loose. */
import * as z from 'zod/mini';

/** An optional field, for which many clients send `null`. */
function maybe<T extends z.core.$ZodType>(schema: T) {
  return z.optional(z.nullable(schema));
}

const filled = z.string().check(z.minLength(1));
const stopMax = 128;
const choicesMax = 128;
const topLogprobsMax = 20;

/** Messages, tools and parts are told apart by hand, so that an error names the very field. */
export const bodySchema = z.looseObject({
  model: filled,
  messages: z.array(z.looseObject({ role: z.string() })).check(z.minLength(1)),
  stream: maybe(z.boolean()),
  stream_options: maybe(z.looseObject({ include_usage: maybe(z.boolean()) })),
  tools: maybe(z.array(z.looseObject({ type: maybe(z.string()) }))),
  functions: maybe(z.array(z.looseObject({}))),
  tool_choice: maybe(z.union([z.string(), z.looseObject({ type: maybe(z.string()) })])),
  function_call: maybe(z.union([z.enum(['auto', 'none']), z.looseObject({ name: filled })])),
  parallel_tool_calls: maybe(z.boolean()),
  max_tokens: maybe(z.int().check(z.gte(1))),
  max_completion_tokens: maybe(z.int().check(z.gte(1))),
  temperature: maybe(z.number().check(z.gte(0), z.lte(2))),
  top_p: maybe(z.number().check(z.gte(0), z.lte(1))),
  top_k: maybe(z.int()),
  frequency_penalty: maybe(z.number().check(z.gte(-2), z.lte(2))),
  presence_penalty: maybe(z.number().check(z.gte(-2), z.lte(2))),
  seed: maybe(z.int()),
  stop: maybe(z.union([z.string(), z.array(z.string()).check(z.maxLength(stopMax))])),
  logit_bias: maybe(z.record(z.string(), z.number())),
  n: maybe(z.int().check(z.gte(1), z.lte(choicesMax))),
  logprobs: maybe(z.boolean()),
  top_logprobs: maybe(z.int().check(z.gte(0), z.lte(topLogprobsMax))),
  user: maybe(z.string()),
  metadata: maybe(z.record(z.string(), z.string())),
  service_tier: maybe(z.string()),
  response_format: maybe(z.looseObject({ type: z.string() })),
  reasoning_effort: maybe(z.string()),
  reasoning: maybe(
    z.looseObject({
      enabled: maybe(z.boolean()),
      effort: maybe(z.string()),
      max_tokens: maybe(z.int().check(z.gte(0))),
    }),
  ),
  usage: maybe(z.looseObject({ include: maybe(z.boolean()) })),
});

export type Body = z.output<typeof bodySchema>;

const cacheControl = maybe(z.looseObject({ type: z.string(), ttl: maybe(z.string()) }));

export const contentSchema = maybe(
  z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]),
);
export const textPartSchema = z.looseObject({ text: z.string(), cache_control: cacheControl });
export const refusalPartSchema = z.looseObject({ refusal: z.string() });
export const imagePartSchema = z.looseObject({
  image_url: z.union([filled, z.looseObject({ url: filled, detail: maybe(z.string()) })]),
  cache_control: cacheControl,
});
export const filePartSchema = z.looseObject({
  file: z.looseObject({
    file_id: maybe(z.string()),
    file_data: maybe(z.string()),
    filename: maybe(z.string()),
  }),
  cache_control: cacheControl,
});
export const audioPartSchema = z.looseObject({
  input_audio: z.union([z.string(), z.looseObject({ data: z.string(), format: z.string() })]),
});

export const messageSchema = z.looseObject({
  content: contentSchema,
  name: maybe(z.string()),
  cache_control: cacheControl,
});
export const assistantSchema = z.looseObject({
  content: contentSchema,
  name: maybe(z.string()),
  refusal: maybe(z.string()),
  tool_calls: maybe(z.array(z.looseObject({ id: z.string(), type: maybe(z.string()) }))),
  function_call: maybe(z.looseObject({ name: filled, arguments: z.string() })),
  reasoning_content: maybe(z.string()),
  reasoning: maybe(z.string()),
  reasoning_details: maybe(z.array(z.looseObject({ type: z.string() }))),
  cache_control: cacheControl,
});
export const toolMessageSchema = z.looseObject({
  tool_call_id: z.string(),
  content: contentSchema,
  cache_control: cacheControl,
});
export const functionMessageSchema = z.looseObject({ name: filled, content: contentSchema });

export const functionCallSchema = z.looseObject({
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
});
export const customCallSchema = z.looseObject({
  custom: z.looseObject({ name: z.string(), input: z.string() }),
});

export const functionSchema = z.looseObject({
  name: filled,
  description: maybe(z.string()),
  parameters: maybe(z.looseObject({})),
  strict: maybe(z.boolean()),
});
export const functionToolSchema = z.looseObject({
  function: functionSchema,
  cache_control: cacheControl,
});
export const customToolSchema = z.looseObject({ custom: z.looseObject({ name: filled }) });
export const namedChoiceSchema = z.looseObject({ function: z.looseObject({ name: filled }) });
export const jsonSchemaFormatSchema = z.looseObject({
  json_schema: z.looseObject({
    name: maybe(z.string()),
    description: maybe(z.string()),
    schema: maybe(z.unknown()),
    strict: maybe(z.boolean()),
  }),
});
