/** One request before the load, looked at closely: a fast error must not pass for a fast answer. */
import { connect, constants } from "node:http2";
import type { LoadRequest } from "./h2load.ts";

export type Sample = Readonly<{
  status: number;
  grpcStatus?: string;
  bytes: number;
  text: string;
  dataFrames: number;
}>;

const SAMPLE_MS = 30_000;

/** @throws Error unless the answer is a 200, with gRPC also status 0, and has a body */
export async function checkSample(request: LoadRequest): Promise<Sample> {
  const sample = request.protocol === "h2" ? await askOverHttp2(request) : await askOverHttp1(request);
  const good = sample.status === 200 && (sample.grpcStatus ?? "0") === "0" && sample.bytes > 0;
  if (!good)
    throw new Error(
      `${request.url} answered ${JSON.stringify({ ...sample, text: sample.text.slice(0, 400) })}`,
    );
  return sample;
}

async function askOverHttp1({ url, body, headers }: LoadRequest): Promise<Sample> {
  const signal = AbortSignal.timeout(SAMPLE_MS);
  const response = await fetch(url, {
    method: "POST",
    headers: { ...headers },
    body: Buffer.from(body),
    signal,
  });
  const text = await response.text();
  return { status: response.status, bytes: Buffer.byteLength(text), text, dataFrames: 1 };
}

function askOverHttp2({ url, body, headers }: LoadRequest): Promise<Sample> {
  const { origin, pathname } = new URL(url);
  const session = connect(origin);
  const { promise, resolve, reject } = Promise.withResolvers<Sample>();
  session.once("error", reject);
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: "POST",
    [constants.HTTP2_HEADER_PATH]: pathname,
    ...headers,
  });
  stream.setTimeout(SAMPLE_MS, () => reject(new Error(`${url}: no answer within ${SAMPLE_MS} ms`)));
  let status = 0;
  let grpcStatus: string | undefined;
  const chunks: Buffer[] = [];
  const readStatus = (fields: Record<string, unknown>) => {
    if (typeof fields["grpc-status"] === "string") grpcStatus = fields["grpc-status"];
  };
  stream.on("response", (fields) => {
    status = Number(fields[constants.HTTP2_HEADER_STATUS]);
    readStatus(fields);
  });
  stream.on("trailers", readStatus);
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("error", reject);
  stream.on("close", () => {
    const whole = Buffer.concat(chunks);
    resolve({
      status,
      grpcStatus: grpcStatus ?? "absent",
      bytes: whole.length,
      text: whole.toString("latin1"),
      dataFrames: chunks.length,
    });
  });
  stream.end(body);
  return promise.finally(() => session.destroy());
}
