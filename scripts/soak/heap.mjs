// Loaded into the service of a soak with --import: collects garbage when it is asked to, and says what is left.
process.on("SIGUSR2", () => {
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, rss } = process.memoryUsage();
  process.stdout.write(`soak heap ${heapUsed} rss ${rss}\n`);
});
