/** What one caller can ask of a listener. The same on both. */
export const LIMITS = {
  /** Largest request message, in bytes. */
  messageBytes: 4 * 1024 * 1024,
  /** Largest request metadata (headers), in bytes of names and values. */
  metadataBytes: 16 * 1024,
  /** Concurrent streams of one HTTP/2 connection. */
  streamsPerConnection: 100,
  /** Longest deadline of a call, in ms. */
  callMs: 900_000,
  /** An HTTP/2 connection without calls is closed after this, in ms. */
  idleConnectionMs: 300_000,
  /** A silent HTTP/2 peer is asked for a sign of life after this, in ms, and given `keepaliveTimeoutMs` to answer. */
  keepaliveMs: 30_000,
  keepaliveTimeoutMs: 10_000,
} as const;
