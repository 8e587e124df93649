/**
 * The one module of undici that we use, which ships no types under this path. Its index loads all
 * of undici: three times the CPU of this part.
 */
declare module 'undici/lib/dispatcher/pool.js' {
  import type { Pool } from 'undici';

  const PoolClass: typeof Pool;
  export default PoolClass;
}
