/** A collector in the test's own process: takes spans over OTLP/HTTP and decodes them with none of the exporter's code. */
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import protobuf from "protobufjs";

export type Value = string | number | boolean | readonly Value[];
export type Values = Readonly<Record<string, Value>>;

export type ReceivedSpan = Readonly<{
  traceId: string;
  spanId: string;
  /** "": a root. */
  parentSpanId: string;
  traceState: string;
  name: string;
  kind: "SERVER" | "CLIENT" | "INTERNAL";
  startMs: number;
  endMs: number;
  attributes: Values;
  /** Of the process that sent it. */
  resource: Values;
  isError: boolean;
}>;

export type OtlpReceiver = Readonly<{
  /** For OTEL_EXPORTER_OTLP_ENDPOINT. */
  url: string;
  spans: readonly ReceivedSpan[];
  /** Each request as it came. */
  requests: readonly Readonly<{ headers: IncomingHttpHeaders; body: Buffer }>[];
  close(): Promise<void>;
}>;

export async function startOtlpReceiver(): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const requests: { headers: IncomingHttpHeaders; body: Buffer }[] = [];
  const server = createServer(async (request, response) => {
    const body = await buffer(request);
    requests.push({ headers: request.headers, body });
    const isTraces = request.method === "POST" && request.url === "/v1/traces";
    if (isTraces) spans.push(...decode(body));
    response.writeHead(isTraces ? 200 : 404, { "content-type": "application/x-protobuf" }).end();
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    requests,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** The part of opentelemetry/proto/{collector/trace,trace,common,resource}/v1 that the spans of this service use. */
const { root } = protobuf.parse(
  `syntax = "proto3";
  message Request { repeated ResourceSpans resource_spans = 1; }
  message ResourceSpans { Resource resource = 1; repeated ScopeSpans scope_spans = 2; }
  message Resource { repeated KeyValue attributes = 1; }
  message ScopeSpans { repeated Span spans = 2; }
  message Span {
    bytes trace_id = 1; bytes span_id = 2; string trace_state = 3; bytes parent_span_id = 4; string name = 5;
    enum Kind { UNSPECIFIED = 0; INTERNAL = 1; SERVER = 2; CLIENT = 3; }
    Kind kind = 6; fixed64 start = 7; fixed64 end = 8; repeated KeyValue attributes = 9; Status status = 15;
  }
  message Status { string message = 2; enum Code { UNSET = 0; OK = 1; ERROR = 2; } Code code = 3; }
  message KeyValue { string key = 1; AnyValue value = 2; }
  message AnyValue { oneof value { string string = 1; bool bool = 2; int64 int = 3; double double = 4; Array array = 5; } }
  message Array { repeated AnyValue values = 1; }`,
);
const REQUEST = root.lookupType("Request");

type Any = Readonly<Record<string, string | number | boolean | Readonly<{ values?: readonly Any[] }>>>;
type Pairs = readonly Readonly<{ key: string; value: Any }>[];
type Decoded = Readonly<{
  resourceSpans: readonly Readonly<{
    resource: Readonly<{ attributes?: Pairs }>;
    scopeSpans: readonly Readonly<{ spans: readonly Span[] }>[];
  }>[];
}>;
type Span = Readonly<{
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  traceState?: string;
  name: string;
  kind: ReceivedSpan["kind"];
  start: number;
  end: number;
  attributes?: Pairs;
  status?: Readonly<{ code?: string }>;
}>;

function decode(body: Buffer): readonly ReceivedSpan[] {
  const options = { bytes: String, enums: String, longs: Number };
  const { resourceSpans } = REQUEST.toObject(REQUEST.decode(body), options) as Decoded;
  return resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) => spans.map((span) => received(span, valuesOf(resource.attributes)))),
  );
}

const received = (span: Span, resource: Values): ReceivedSpan => ({
  traceId: hex(span.traceId),
  spanId: hex(span.spanId),
  parentSpanId: hex(span.parentSpanId ?? ""),
  traceState: span.traceState ?? "",
  name: span.name,
  kind: span.kind,
  startMs: span.start / 1e6,
  endMs: span.end / 1e6,
  attributes: valuesOf(span.attributes),
  resource,
  isError: span.status?.code === "ERROR",
});

const hex = (base64: string): string => Buffer.from(base64, "base64").toString("hex");

const valuesOf = (pairs: Pairs = []): Values =>
  Object.fromEntries(pairs.map(({ key, value }) => [key, readValue(value)]));

function readValue(any: Any): Value {
  const [value] = Object.values(any);
  return typeof value === "object" ? (value.values ?? []).map(readValue) : (value ?? "");
}
