/** One provider over HTTP: what is the same in every dialect, from the request to the typed failure. */
import type { ModelParameters } from "../pricing/types.ts";
import type { AnswerReader } from "./answer-reader.ts";
import type { BodyReader } from "./exchange.ts";
import { errorReportOf, findErrorReport } from "./failure-rules.ts";
import { type JsonRecord, parseRecord } from "./json.ts";
import type {
  Completion,
  CompletionEvent,
  CompletionRequest,
  Dialect,
  ExchangeObserver,
  ModelProvider,
} from "./provider.ts";
import { ProviderError } from "./provider-error.ts";
import { ResponseFailures } from "./response-failures.ts";
import { ERROR_JSON_BYTES, mediaType, readErrorBody, readText } from "./response-text.ts";
import type { RequestHead } from "./sdk-request.ts";
import { SseDecoder, SseLimitError } from "./sse.ts";
import { type ExchangeResponse, responseHeader, type Transport } from "./transport.ts";
import { UnsendableRequest } from "./unsendable-request.ts";

/** What differs from dialect to dialect: the words, not the flow. */
export type DialectAdapter = Readonly<{
  dialect: Dialect;
  /** Address and headers of a request to a model with these parameters. Rejects with ProviderError. */
  head(parameters: Pick<ModelParameters, "anthropicVersion">): Promise<RequestHead>;
  /** The request's JSON. Throws UnsendableRequest. */
  payload(request: CompletionRequest, stream: boolean): object;
  /** Reads a whole answer. Throws ProviderError. */
  readWhole(body: JsonRecord, failures: ResponseFailures): Completion;
  /** Reads a streamed answer. */
  createReader(request: CompletionRequest, failures: ResponseFailures): AnswerReader;
}>;

const NO_CHUNKS: readonly Uint8Array[] = [];
/** How long a stream that said why it stopped may stay open for its usage. */
const USAGE_WAIT_MS = 2_000;
const WHOLE_ANSWER_BYTES = 16 * 1024 * 1024;

type Opened = Readonly<{ response: ExchangeResponse; failures: ResponseFailures }>;

/** A provider that speaks one dialect at one address with one key. Nothing connects before the first call. */
export class HttpProvider implements ModelProvider {
  readonly id: string;
  readonly dialect: Dialect;
  readonly #adapter: DialectAdapter;
  readonly #transport: Transport;
  readonly #secret: string;
  readonly #isChecked: boolean;

  constructor(
    { id, apiKey, isChecked = false }: Readonly<{ id: string; apiKey: string; isChecked?: boolean }>,
    adapter: DialectAdapter,
    transport: Transport,
  ) {
    this.id = id;
    this.#isChecked = isChecked;
    this.dialect = adapter.dialect;
    this.#adapter = adapter;
    this.#transport = transport;
    this.#secret = apiKey;
  }

  /** Loads what the first call would otherwise wait for. Connects to nothing, and never rejects. */
  async prepare(): Promise<void> {
    await this.#adapter.head({}).catch(() => undefined); // the first call says what is wrong
  }

  async complete(
    request: CompletionRequest,
    signal: AbortSignal,
    observer: ExchangeObserver,
  ): Promise<Completion> {
    const { response, failures } = await this.#open(request, false, signal, observer);
    const { text, whole } = await readText(response.body, WHOLE_ANSWER_BYTES);
    if (!whole) throw failures.failed("output_limit", "the answer is larger than any model's");
    const body = parseRecord(text);
    if (body === undefined) throw unreadableAnswer(text, failures);
    const report = findErrorReport(body);
    if (report !== undefined) throw failures.reported(report);
    return this.#adapter.readWhole(body, failures);
  }

  async *stream(
    request: CompletionRequest,
    signal: AbortSignal,
    observer: ExchangeObserver,
  ): AsyncGenerator<readonly CompletionEvent[], void, undefined> {
    const { response, failures } = await this.#open(request, true, signal, observer);
    const { body } = response;
    try {
      if (mediaType(response) === "application/json") throw await this.#unstreamedAnswer(body, failures);
      const reader = this.#adapter.createReader(request, failures);
      const decoder = new SseDecoder();
      let ended = false;
      while (!ended) {
        let chunks = await readOrEnd(body, reader, signal);
        const events: CompletionEvent[] = [];
        let failure: unknown;
        try {
          ended = chunks.length === 0 || translate(chunks, decoder, reader, events);
          if (ended) events.push(reader.finish());
        } catch (error) {
          failure =
            error instanceof SseLimitError ? failures.failed("protocol", "an event without end") : error;
        }
        if (ended) body.release(true);
        else if (reader.stopped) body.endWithin(USAGE_WAIT_MS);
        chunks = NO_CHUNKS; // not to be held for as long as a slow caller takes over the events
        if (events.length > 0) yield events;
        if (failure !== undefined) throw failure;
      }
    } finally {
      body.release(false);
    }
  }

  /** Sends the request; resolves when a good answer begins. */
  async #open(
    request: CompletionRequest,
    stream: boolean,
    signal: AbortSignal,
    observer: ExchangeObserver,
  ): Promise<Opened> {
    const body = this.#serialise(request, stream);
    const head = await this.#adapter.head(request.parameters);
    const headers = request.headers === undefined ? head.headers : [...head.headers, ...request.headers];
    const isChecked = this.#isChecked;
    const exchange = { provider: this.id, method: "POST", url: head.url, headers, body, isChecked } as const;
    const response = await this.#transport.exchange(exchange, signal, observer);
    const failures = new ResponseFailures(this.id, this.#secret, response.status, response.headers);
    const failure = await refusal(response, failures, signal);
    if (failure === undefined) return { response, failures };
    response.body.release(false);
    throw failure;
  }

  #serialise(request: CompletionRequest, stream: boolean): string {
    try {
      return JSON.stringify(this.#adapter.payload(request, stream));
    } catch (error) {
      if (!(error instanceof UnsendableRequest)) throw error;
      throw new ProviderError(this.id, "rejected", { explanation: error.message });
    }
  }

  /** A stream was asked for and one JSON body came: an error that does not show in the status, or another protocol. */
  async #unstreamedAnswer(body: BodyReader, failures: ResponseFailures): Promise<ProviderError> {
    const { text } = await readText(body, ERROR_JSON_BYTES);
    const record = parseRecord(text);
    const report = record && findErrorReport(record);
    return report ? failures.reported(report) : failures.failed("protocol", "not an event stream");
  }
}

/** Why the response's head rules out a good answer; undefined when it does not. */
async function refusal(
  response: ExchangeResponse,
  failures: ResponseFailures,
  signal: AbortSignal,
): Promise<ProviderError | undefined> {
  const encoded = (responseHeader(response.headers, "content-encoding") ?? "identity") !== "identity";
  if (response.status < 200 || response.status >= 300) {
    const body = encoded ? undefined : await readErrorBody(response, signal);
    return failures.reported(errorReportOf(body));
  }
  if (encoded) return failures.failed("protocol", "a compressed answer, which was not asked for");
  if (mediaType(response) === "text/html") return failures.failed("protocol", "an HTML page");
  return undefined;
}

/** The next chunks, none at the end. Once the answer is whole it does not matter how its connection ends. */
async function readOrEnd(
  body: BodyReader,
  reader: AnswerReader,
  signal: AbortSignal,
): Promise<readonly Uint8Array[]> {
  try {
    return await body.read();
  } catch (error) {
    if (reader.stopped && !signal.aborted) return [];
    throw error;
  }
}

/** True once the terminal event came; what follows it is not read. */
function translate(
  chunks: readonly Uint8Array[],
  decoder: SseDecoder,
  reader: AnswerReader,
  out: CompletionEvent[],
): boolean {
  for (const chunk of chunks) {
    for (const event of decoder.push(chunk)) {
      if (reader.accept(event, out)) return true;
    }
  }
  return false;
}

function unreadableAnswer(text: string, failures: ResponseFailures): ProviderError {
  const cut = text.startsWith("{") && !text.trimEnd().endsWith("}");
  return cut
    ? failures.failed("truncated", "the JSON of the answer is cut short")
    : failures.failed("protocol", "the answer is not JSON");
}
