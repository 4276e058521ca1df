/** Bytes to a port, and all that came back. */
import { connect } from "node:net";

export type Ending = "closed" | "answered" | "silent";
export type Reply = Readonly<{ bytes: Buffer; ending: Ending }>;

export type SendOptions = Readonly<{
  /** Nothing more is waited for once this came. */
  isAnswered?: (received: Buffer) => boolean;
  /** A server that waits for more bytes is left after this, in ms. */
  silenceMs: number;
  /** Says that nothing more follows, as `shutdown` does. */
  halfClose?: boolean;
}>;

/** Opens a connection, sends, and listens until the server hangs up, has answered or says nothing more. Never fails. */
export function send(address: string, bytes: Buffer, options: SendOptions): Promise<Reply> {
  const { isAnswered = () => false, silenceMs, halfClose = false } = options;
  const { hostname, port } = new URL(`http://${address}`);
  return new Promise((resolve) => {
    const received: Buffer[] = [];
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    let ending: Ending = "closed";
    const leave = (why: Ending) => {
      ending = why;
      socket.destroy();
    };
    socket.setTimeout(silenceMs, () => leave("silent"));
    socket.on("data", (data) => {
      received.push(data);
      if (isAnswered(data)) leave("answered");
    });
    socket.on("end", () => socket.destroy());
    socket.on("error", () => {}); // a server that hangs up is one of the answers
    socket.on("close", () => resolve({ bytes: Buffer.concat(received), ending }));
    if (halfClose) socket.end(bytes);
    else socket.write(bytes);
  });
}
