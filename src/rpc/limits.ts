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
  /** For a new connection to say something that makes sense: its TLS handshake, HTTP/2's preface, HTTP/1.1's first headers. In ms. */
  firstWordMs: 10_000,
  /** The same for a connection that there is when the service stops, and for the next bytes of a request that is not whole. In ms. */
  lastWordMs: 1_000,
} as const;
