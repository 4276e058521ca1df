/** More arms and other fields, in the contract's JSON. */
import { fromJson, type JsonValue, toJsonString } from "@bufbuild/protobuf";
import { useState } from "react";
import { type Experiment, ExperimentSchema } from "../../../../gen/modeltier/v1/experiment_pb.js";
import type { Violations } from "./field-violations.ts";

export function Advanced({
  fillIn,
  review,
  violations,
}: {
  /** What the form makes; undefined while it makes nothing. */
  fillIn: () => Experiment | undefined;
  review: (experiment: Experiment) => void;
  /** Of the experiment that was last sent from here. */
  violations: Violations;
}) {
  const [text, setText] = useState("");
  const [problem, setProblem] = useState<string | undefined>();
  const read = () => {
    try {
      review(fromJson(ExperimentSchema, JSON.parse(text) as JsonValue));
      setProblem(undefined);
    } catch (error) {
      setProblem(
        `This is no experiment in JSON: ${error instanceof Error ? error.message : "it cannot be read"}`,
      );
    }
  };
  const fill = () => {
    const experiment = fillIn();
    if (experiment === undefined) return;
    setProblem(undefined);
    setText(toJsonString(ExperimentSchema, experiment, { prettySpaces: 2 }));
  };
  const isWrong = problem !== undefined || violations.size > 0;
  return (
    <details>
      <summary>Advanced: more arms and other fields, in JSON</summary>
      <div className="stack">
        <label>
          <span>An Experiment in the contract's JSON</span>
          <textarea
            rows={12}
            spellCheck={false}
            value={text}
            aria-invalid={isWrong}
            onChange={(event) => setText(event.target.value)}
          />
          {problem !== undefined && <span className="broken-text">✕ {problem}</span>}
          {[...violations].map(([field, description]) => (
            <span key={field} className="broken-text">
              ✕ {field}: {description}
            </span>
          ))}
        </label>
        <div className="row">
          <button type="button" onClick={fill}>
            Begin with the form above
          </button>
          <button type="button" disabled={text.trim() === ""} onClick={read}>
            Review and start this
          </button>
        </div>
      </div>
    </details>
  );
}
