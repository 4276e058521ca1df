/** What a caller streams to a method, over native gRPC. */
import type { Message } from "@bufbuild/protobuf";
import type { ServerReadableStream } from "@grpc/grpc-js";

/**
 * One message at a time: no more is read than is taken, so a caller who is faster waits in HTTP/2. Fails as the call ends when that is
 * before the caller's last word.
 * @param check throws for what is no message
 */
export async function* messagesOf(
  call: ServerReadableStream<unknown, unknown>,
  signal: AbortSignal,
  check: (message: unknown) => void,
): AsyncGenerator<Message> {
  const end = () => call.destroy();
  signal.addEventListener("abort", end);
  try {
    signal.throwIfAborted();
    for await (const message of call) {
      check(message);
      yield message as Message;
    }
    signal.throwIfAborted();
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    signal.removeEventListener("abort", end);
  }
}
