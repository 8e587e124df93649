/**
 * The one undici module we use: its index costs three times as much to load (decision in
 * bench/README.md).
 */
declare module 'undici/lib/dispatcher/pool.js' {
  import type { Pool } from 'undici';

  const PoolClass: typeof Pool;
  export default PoolClass;
}
