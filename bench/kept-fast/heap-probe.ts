/** Preloaded into the service: collects all garbage on SIGUSR2 and says on standard output what is left, in bytes. Needs --expose-gc. */
process.on("SIGUSR2", () => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  process.stdout.write(`left ${heapUsed + external}\n`);
});
