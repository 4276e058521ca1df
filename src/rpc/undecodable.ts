/** Bytes that are not the message they claim to be. */
import type { DescMethod } from "@bufbuild/protobuf";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";

export const undecodable = ({ input }: DescMethod): string =>
  `the request is not a ${input.typeName}: check the client's proto files`;

/**
 * Connect answers a unary request whose protobuf cannot be read with "internal"; the caller's bad bytes are INVALID_ARGUMENT. Any other
 * answer is passed on as it is.
 */
export const blameCaller = (
  answer: UniversalServerResponse,
  method: DescMethod,
): UniversalServerResponse | Promise<UniversalServerResponse> =>
  answer.status === 500 && answer.body !== undefined ? reword(answer, answer.body, method) : answer;

type Body = NonNullable<UniversalServerResponse["body"]>;

async function reword(answer: UniversalServerResponse, body: Body, method: DescMethod) {
  const bytes = Buffer.concat(await Array.fromAsync(body));
  if (!bytes.includes('"message":"parse binary: ')) return { ...answer, body: once(bytes) };
  const error = { code: "invalid_argument", message: undecodable(method) };
  answer.header?.delete("content-length");
  return { ...answer, status: 400, body: once(Buffer.from(JSON.stringify(error))) };
}

async function* once(bytes: Uint8Array) {
  yield bytes;
}
