/** What stands inside tools and parts beside the fields that this format's reader understands. */
import { asList, asRecord } from '../lenient.ts';
import { keepOthers, type NestedExtras } from '../nested-extras.ts';
import type { Body } from './ask-schema.ts';

/** Fields of each kind of part; a kind that is not here is kept whole. */
const partFields: Record<string, string> = {
  text: 'type text cache_control',
  refusal: 'type refusal',
  image_url: 'type image_url cache_control',
  file: 'type file cache_control',
  input_audio: 'type input_audio',
};

export function nestedExtras(body: Body): NestedExtras {
  const extras: NestedExtras = {};
  for (const [index, tool] of (body.tools ?? []).entries()) {
    const called = asRecord(tool.function);
    if (called === undefined || (tool.type ?? 'function') !== 'function') continue;
    keepOthers(tool, 'type function cache_control', ['tools', index], extras);
    const path = ['tools', index, 'function'];
    keepOthers(called, 'name description parameters strict', path, extras);
  }
  for (const [index, message] of body.messages.entries()) {
    for (const [place, value] of asList(message.content).entries()) {
      const part = asRecord(value) ?? {};
      const known = Object.hasOwn(partFields, String(part.type))
        ? partFields[String(part.type)]
        : undefined;
      if (known === undefined) continue;
      keepOthers(part, known, ['messages', index, 'content', place], extras);
    }
  }
  return extras;
}
