/** Ids of tool calls that this format accepts, the same for a call and its result. */

const accepted = /^[a-zA-Z0-9_-]+$/;

/** Gives a function that keeps good ids and maps each other one to an id of its own. */
export function createToolIds(): (id: string) => string {
  const given = new Map<string, string>();
  const taken = new Set<string>();
  return (id) => {
    const before = given.get(id);
    if (before !== undefined) return before;
    const cleaned = accepted.test(id) ? id : `toolu_${id.replace(/[^a-zA-Z0-9_-]/g, '_')}`;
    let free = cleaned;
    for (let count = 2; taken.has(free); count += 1) free = `${cleaned}_${count}`;
    given.set(id, free);
    taken.add(free);
    return free;
  };
}

/** A call's input is always an object here; what is none is kept under a name of its own. */
export function readArguments(text: string): Record<string, unknown> {
  if (text.trim() === '') return {};
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
    return value === null ? {} : { input: value };
  } catch {
    return { input: text };
  }
}
