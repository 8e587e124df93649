/** Fields inside known values without a neutral meaning: kept by path, so none goes unnamed. */
import type { JsonRecord } from './lenient.ts';

/** By dotted path, such as `tools.0.defer_loading`; they stand among an ask's `extras`. */
export type NestedExtras = Record<string, unknown>;

/** Keeps what stands beside the known fields; `known` names them, parted by blanks. */
export function keepOthers(
  value: JsonRecord,
  known: string,
  path: readonly (string | number)[],
  extras: NestedExtras,
): void {
  const names = known.split(' ');
  for (const [name, field] of Object.entries(value)) {
    if (field === undefined || field === null || names.includes(name)) continue;
    extras[[...path, name].join('.')] = field;
  }
}
