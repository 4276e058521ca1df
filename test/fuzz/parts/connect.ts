/** Connect's JSON: bodies for every RPC of the contract, right and wrong. Each answer is a success or an error that says whose it is. */
import assert from "node:assert/strict";
import { type DescMethod, fromBinary, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { BadRequestSchema } from "../../../gen/google/rpc/error_details_pb.js";
import { RoutingConfigSchema } from "../../../gen/modeltier/v1/routing_config_pb.js";
import { METHODS, nameOf } from "../../support/access.ts";
import { type Json, jsonOf } from "../json-of.ts";
import { LEAKS } from "../leaks.ts";
import { Outcomes, type Part } from "../part.ts";
import { spoiltJson } from "../spoil-json.ts";
import { AS_ADMIN, configIn, type Target } from "../target.ts";

/** Many calls at once are one input. */
type Call = Readonly<{ rpc: string; body: string }>;
type Answer = Readonly<{ code?: string; message?: string; details?: readonly Detail[] }>;
type Detail = Readonly<{ type: string; value: string }>;

const MOST_CALLS = 60;
/** A stream that goes on by itself is left after so many messages. */
const MESSAGES = 3;
/** Whoever gets one of these is told nothing of what was wrong: the service and its database are well all the while. */
const BLAMELESS = ["internal", "unknown", "data_loss", "unavailable"];
/** What is no JSON, or not this message's, is told by the library that reads it: with the field where it knows one. */
const UNDECODABLE =
  /cannot decode (?:field |message |modeltier|google)|JSON|invalid base64|field .* is unknown|unknown field/i;

const STEP: Json = { agentId: "fuzz", agentAis: { combinedScore: 5 }, budgetRemaining: "100000" };
const QUESTION: Json = {
  route: STEP,
  messages: [{ role: "ROLE_USER", parts: [{ text: "[tokens=3] Hello" }] }],
  labels: { team: "a" },
};
const BY_NAME = new Map(METHODS.map((method) => [nameOf(method), method]));

export async function connectPart(target: Target): Promise<Part<readonly Call[]>> {
  const config = toJson(RoutingConfigSchema, await configIn(await target.service())) as Json;
  const good = {
    [RoutingConfigSchema.typeName]: config,
    "modeltier.v1.CompleteRequest": QUESTION,
    "modeltier.v1.RouteRequest": STEP,
  };
  const calls = METHODS.map((method) =>
    spoiltJson(jsonOf(method.input, good)).map((body): Call => ({ rpc: nameOf(method), body })),
  );
  const outcomes = new Outcomes();
  return {
    name: "connect",
    unit: "calls",
    inputs: fc.array(fc.oneof(...calls), { minLength: 1, maxLength: MOST_CALLS, size: "max" }),
    usualSize: MOST_CALLS / 2,
    sizeOf: ({ length }) => length,
    outcomes,
    async check(batch) {
      const { httpUrl } = await target.service();
      const answers = await Promise.all(batch.map((one) => ask(httpUrl, one)));
      answers.forEach((answer, index) => {
        const { rpc } = batch[index] as Call;
        outcomes.count(`${rpc.slice(rpc.indexOf("/") + 1)} ${answer.code ?? "ok"}`);
        checkAnswer(rpc, answer);
      });
      await target.checkWell();
    },
  };
}

function checkAnswer(rpc: string, { code, message = "", details = [] }: Answer): void {
  if (code === undefined) return;
  assert.ok(!BLAMELESS.includes(code), `${rpc} answered ${code}: ${message}`);
  assert.notEqual(message, "", `${rpc} answered ${code} without a word`);
  assert.doesNotMatch(message, LEAKS, `${rpc} answered ${code}`);
  if (code !== "invalid_argument" || UNDECODABLE.test(message)) return;
  const bad = details.find(({ type }) => type === "google.rpc.BadRequest");
  assert.ok(bad !== undefined, `${rpc} names no field: ${message}`);
  const { fieldViolations } = fromBinary(BadRequestSchema, Buffer.from(bad.value, "base64"));
  assert.ok(fieldViolations.length > 0, `${rpc} names no field: ${message}`);
  for (const { field, description } of fieldViolations) {
    assert.notEqual(field, "", `${rpc} names no field: ${message}`);
    assert.notEqual(description, "", `${rpc} does not say what is wrong with ${field}`);
  }
}

/** @throws when the answer is none of Connect's */
async function ask(httpUrl: string, { rpc, body }: Call): Promise<Answer> {
  const method = BY_NAME.get(rpc) as DescMethod;
  const isUnary = method.methodKind === "unary";
  const response = await fetch(`${httpUrl}/${rpc}`, {
    method: "POST",
    headers: {
      "content-type": isUnary ? "application/json" : "application/connect+json",
      "connect-timeout-ms": "20000",
      ...AS_ADMIN.headers,
    },
    body: isUnary ? body : envelope(body),
  });
  if (isUnary) return unaryAnswer(rpc, response.status, await response.text());
  assert.equal(response.status, 200, `${rpc} answered ${response.status}`);
  const end = await endOfStream(response);
  return end.error ?? {};
}

function unaryAnswer(rpc: string, status: number, text: string): Answer {
  assert.doesNotThrow(() => JSON.parse(text), `${rpc} answered no JSON: ${text.slice(0, 200)}`);
  if (status === 200) return {};
  const answer: Answer = JSON.parse(text);
  assert.equal(typeof answer.code, "string", `${rpc} answered ${status} without a code`);
  return answer;
}

function envelope(body: string): Uint8Array<ArrayBuffer> {
  const message = Buffer.from(body);
  const bytes = new Uint8Array(5 + message.length);
  new DataView(bytes.buffer).setUint32(1, message.length);
  bytes.set(message, 5);
  return bytes;
}

/** The stream's last envelope, which holds its error; nothing of one that was left. */
async function endOfStream(response: Response): Promise<{ error?: Answer }> {
  let unread = Buffer.alloc(0);
  let messages = 0;
  for await (const chunk of response.body ?? []) {
    unread = Buffer.concat([unread, chunk]);
    while (unread.length >= 5 && unread.length >= 5 + unread.readUInt32BE(1)) {
      const end = 5 + unread.readUInt32BE(1);
      if (unread[0] === 2) return JSON.parse(unread.toString("utf8", 5, end));
      unread = unread.subarray(end);
      messages += 1;
      if (messages < MESSAGES && !response.url.includes("Watch")) continue;
      return {}; // which hangs up
    }
  }
  assert.fail(`${response.url} ended without an end`);
}
