/**
 * How much later than a limit the end of a call may be seen, in ms. The rest of a call is quick, but fifty at once share two
 * cores with the providers, the callers and other tests. It is far below what a caller would wait for without the limit.
 */
export const latenessMs = (concurrency: number): number => (concurrency === 1 ? 1_000 : 3_000);
