/**
 * Loaded into a process under measurement (`--import`): tells its parent what it has used so far.
 * The channel does not keep the process alive.
 */
export type Usage = { cpuMs: number; rssMb: number };

process.on('message', (message) => {
  if (message !== 'usage') return;
  const { user, system } = process.cpuUsage();
  const usage: Usage = {
    cpuMs: (user + system) / 1_000,
    rssMb: process.memoryUsage.rss() / 1024 / 1024,
  };
  process.send?.({ usage });
});
process.channel?.unref();
process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
