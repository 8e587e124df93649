/** What a Messages request may look like. Unknown fields are kept: objects are loose. */
import * as z from 'zod/mini';

/** An optional field, for which the format allows `null`. */
function maybe<T extends z.core.$ZodType>(schema: T) {
  return z.optional(z.nullable(schema));
}

const filled = z.string().check(z.minLength(1));
/** The vendor's own ceiling is 1; servers that speak its language take what OpenAI's do. */
const temperatureMax = 2;
const anyRecord = z.record(z.string(), z.unknown());

/** Roles, blocks and tools are told apart by hand, so that an error names the very field. */
export const bodySchema = z.looseObject({
  model: filled,
  max_tokens: z.int().check(z.gte(0)),
  messages: z.array(z.looseObject({ role: z.enum(['user', 'assistant', 'system']) })),
  system: z.optional(z.unknown()),
  stream: maybe(z.boolean()),
  tools: maybe(z.array(z.looseObject({ type: maybe(z.string()) }))),
  tool_choice: maybe(
    z.looseObject({
      type: z.string(),
      name: maybe(z.string()),
      disable_parallel_tool_use: maybe(z.boolean()),
    }),
  ),
  temperature: maybe(z.number().check(z.gte(0), z.lte(temperatureMax))),
  top_p: maybe(z.number().check(z.lte(1))),
  top_k: maybe(z.int()),
  stop_sequences: maybe(z.array(z.string())),
  metadata: maybe(z.looseObject({ user_id: maybe(z.string()) })),
  service_tier: maybe(z.string()),
  thinking: maybe(
    z.looseObject({
      type: z.string(),
      budget_tokens: maybe(z.int().check(z.gte(0))),
      display: maybe(z.string()),
    }),
  ),
  output_config: maybe(
    z.looseObject({
      effort: maybe(z.string()),
      format: maybe(z.looseObject({ type: z.string() })),
    }),
  ),
  output_format: maybe(z.looseObject({ type: z.string() })),
});

export type Body = z.output<typeof bodySchema>;

export const contentSchema = z.union([z.string(), z.array(z.looseObject({ type: z.string() }))]);

export const jsonSchemaFormat = z.looseObject({ schema: anyRecord });

export const customToolSchema = z.looseObject({
  name: filled,
  description: maybe(z.string()),
  input_schema: anyRecord,
  strict: maybe(z.boolean()),
  cache_control: z.optional(z.unknown()),
});

export const cacheSchema = z.looseObject({
  type: z.literal('ephemeral'),
  ttl: maybe(z.enum(['5m', '1h'])),
});

export const textSchema = z.looseObject({
  text: z.string(),
  citations: maybe(z.array(z.looseObject({ type: z.string() }))),
});

export const mediaSchema = z.looseObject({ source: z.looseObject({ type: z.string() }) });
export const base64Schema = z.looseObject({ media_type: filled, data: z.string() });
export const urlSchema = z.looseObject({ url: filled });
export const fileIdSchema = z.looseObject({ file_id: filled });
export const textSourceSchema = z.looseObject({ data: z.string(), media_type: maybe(z.string()) });
export const contentSourceSchema = z.looseObject({ content: contentSchema });

export const documentSchema = z.looseObject({
  source: z.looseObject({ type: z.string() }),
  title: maybe(z.string()),
  context: maybe(z.string()),
  citations: maybe(z.looseObject({ enabled: maybe(z.boolean()) })),
});

export const toolUseSchema = z.looseObject({
  id: filled,
  name: filled,
  input: z.optional(z.unknown()),
});

export const toolResultSchema = z.looseObject({
  tool_use_id: filled,
  content: maybe(contentSchema),
  is_error: maybe(z.boolean()),
});

export const thinkingSchema = z.looseObject({
  thinking: z.string(),
  signature: maybe(z.string()),
});

export const redactedSchema = z.looseObject({ data: z.string() });
