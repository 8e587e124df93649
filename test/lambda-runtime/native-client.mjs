/**
 * Answers for the native client that AWS's runtime loop loads before it starts. Over its
 * alternative client the loop asks for invocations and streams responses by plain HTTP; only
 * whole responses would still go the native way, and no function here gives one.
 */
import { registerHooks } from 'node:module';

const source =
  'const refuse = () => { throw new Error("whole responses are not spoken here"); };' +
  'module.exports = { next: refuse, done: refuse, error: refuse };';

registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== './rapid-client.node') return next(specifier, context);
    return { url: 'native-client:', format: 'commonjs', shortCircuit: true };
  },
  load(url, context, next) {
    if (url !== 'native-client:') return next(url, context);
    return { format: 'commonjs', source, shortCircuit: true };
  },
});
