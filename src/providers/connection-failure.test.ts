import { errors } from "undici";
import { describe, expect, it } from "vitest";
import { connectionFailure } from "./connection-failure.ts";

const withCode = (code: string) => Object.assign(new Error("canary 10.0.0.1"), { code });

describe("why a connection failed", () => {
  it.each([
    ["ENOTFOUND", "the host name was not resolved"],
    ["EAI_AGAIN", "the host name was not resolved"],
    ["ECONNREFUSED", "the connection was refused"],
    ["ECONNRESET", "the connection was reset before an answer"],
    ["UND_ERR_SOCKET", "the connection was reset before an answer"],
    ["EHOSTUNREACH", "the host is unreachable"],
    ["CERT_HAS_EXPIRED", "the TLS handshake failed"],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "the TLS handshake failed"],
    ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", "the TLS handshake failed"],
    ["ERR_TLS_CERT_ALTNAME_INVALID", "the TLS handshake failed"],
    ["ERR_SSL_WRONG_VERSION_NUMBER", "the TLS handshake failed"],
    ["EPROTO", "the TLS handshake failed"],
    ["E_NEWS", "the connection failed"],
  ])("%s: %s", (code, explanation) => {
    const error = connectionFailure("openai", withCode(code));
    expect(error).toMatchObject({ provider: "openai", failure: "connection", details: { explanation } });
    expect(`${error} ${JSON.stringify(error)}`).not.toContain("canary");
  });

  it.each(["UND_ERR_CONNECT_TIMEOUT", "ETIMEDOUT"])("%s: nobody there said anything", (code) => {
    const { failure, details } = connectionFailure("openai", withCode(code));
    expect({ failure, details }).toEqual({
      failure: "connect_timeout",
      details: { explanation: "no connection in time" },
    });
  });

  it("calls for an operator when it is a certificate", () => {
    expect(connectionFailure("openai", withCode("CERT_HAS_EXPIRED")).details.needsOperator).toBe(true);
    expect(connectionFailure("openai", withCode("ECONNRESET")).details.needsOperator).toBeUndefined();
  });

  it("is that of the last address when every address of a host failed", () => {
    const error = connectionFailure(
      "kimi",
      new AggregateError([withCode("ECONNREFUSED"), withCode("ENETUNREACH")]),
    );
    expect(error.details.explanation).toBe("the host is unreachable");
  });

  it("is not the network's fault when what answers is not HTTP", () => {
    for (const error of [new errors.HTTPParserError("canary"), new errors.HeadersOverflowError()]) {
      expect(connectionFailure("openai", error).failure).toBe("protocol");
    }
  });

  it("has a name even for what is no error", () => {
    expect(connectionFailure("openai", "canary").details.explanation).toBe("the connection failed");
  });
});
