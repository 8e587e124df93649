/** Tells streamed tool calls apart, though servers number and name them in ways of their own. */
import { asCount, asFilled, asRecord, type JsonRecord } from '../lenient.ts';

export type CallUnderWay = {
  index: number | undefined;
  id: string | undefined;
  name: string | undefined;
  kind: 'function' | 'custom';
  /** Known once the call has begun: not before its name has come. */
  block?: number;
  /** Arguments that came before the name. */
  waiting: string;
};

export type CallDelta = {
  index: number | undefined;
  id: string | undefined;
  name: string | undefined;
  kind: 'function' | 'custom';
  text: string;
};

export function readCallDelta(value: unknown): CallDelta {
  const call = asRecord(value) ?? {};
  const custom = asRecord(call.custom);
  const called = custom ?? asRecord(call.function) ?? {};
  return {
    index: asCount(call.index),
    id: asFilled(call.id),
    name: asFilled(called.name),
    kind: custom === undefined ? 'function' : 'custom',
    text: argumentsOf(custom === undefined ? called.arguments : called.input),
  };
}

/** Some servers give the arguments as the object itself. */
function argumentsOf(value: unknown): string {
  if (typeof value === 'string') return value;
  const object: JsonRecord | undefined = asRecord(value);
  return object === undefined ? '' : JSON.stringify(object);
}

/** The call that a delta goes on with; a new one, appended to `calls`, where it begins one. */
export function callOf(calls: CallUnderWay[], delta: CallDelta): CallUnderWay {
  const known = knownCall(calls, delta);
  if (known !== undefined) {
    known.id ??= delta.id;
    known.name ??= delta.name;
    return known;
  }
  const { index, id, name, kind } = delta;
  const begun: CallUnderWay = { index, id, name, kind, waiting: '' };
  calls.push(begun);
  return begun;
}

function knownCall(calls: CallUnderWay[], delta: CallDelta): CallUnderWay | undefined {
  const { index, id, name } = delta;
  if (index !== undefined) {
    const numbered = calls.findLast((call) => call.index === index);
    // Some number every parallel call 0: another id with a name is another call.
    const isAnother = id !== undefined && name !== undefined && numbered?.id !== id;
    return isAnother && numbered?.id !== undefined ? undefined : numbered;
  }
  if (id !== undefined) return calls.findLast((call) => call.id === id);
  return name === undefined ? calls.at(-1) : undefined;
}
