/** Loaded before the service: its log holds 32 KiB for a reader who is late, and not 4 MiB, so that a few hundred calls fill it. */
import pino from "pino";

const { destination } = pino;
Object.assign(pino, {
  destination: (options: object) => destination({ ...options, maxLength: 32 * 1024 }),
});
