/**
 * grpc-js sends the messages of a stream one by one, each after the one before it has left the process: a hundred
 * tokens that arrived together would leave in a hundred writes. Here a message counts as sent once it is handed to
 * HTTP/2, which puts what is waiting into one write, and a reader that is slow is felt only beyond a limit in bytes.
 */
import { ServerInterceptingCall, type ServerInterceptor } from "@grpc/grpc-js";

/** What a slow reader may have waiting in HTTP/2 before the next message waits here. */
const MOST_UNSENT_BYTES = 32 * 1024;

/** The serializer of a method whose messages come serialized, also many in one: how long they are is then known before they are sent. */
export const asSerialized = (serialized: unknown): Buffer => serialized as Buffer;

/** For streams of methods with that serializer; others pass. */
export const writeAhead: ServerInterceptor = (method, call) =>
  method.responseSerialize === asSerialized ? new WriteAheadCall(call) : (call as ServerInterceptingCall);

class WriteAheadCall extends ServerInterceptingCall {
  #unsentBytes = 0;
  /** Lets the next message come; set while too much is unsent. */
  #resume: (() => void) | undefined;

  override sendMessage(serialized: Readonly<{ byteLength: number }>, callback: () => void): void {
    const { byteLength } = serialized;
    this.#unsentBytes += byteLength;
    super.sendMessage(serialized, () => this.#sent(byteLength));
    if (this.#unsentBytes <= MOST_UNSENT_BYTES) callback();
    else this.#resume = callback;
  }

  #sent(bytes: number): void {
    this.#unsentBytes -= bytes;
    if (this.#resume === undefined || this.#unsentBytes > MOST_UNSENT_BYTES) return;
    const resume = this.#resume;
    this.#resume = undefined;
    resume();
  }
}
