import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, it } from "vitest";
import {
  ExperimentMetric,
  ExperimentReportSchema,
  ExperimentStatus,
  ExperimentVerdict,
} from "../../../../gen/modeltier/v1/experiment_pb.js";
import { sayQuestion, sayVerdict } from "./experiment-words.ts";

type Difference = Readonly<{ estimate: number; lower?: number; upper?: number }>;

function verdictOf(
  verdict: ExperimentVerdict,
  success?: Difference,
  cost?: Difference,
  status = ExperimentStatus.RUNNING,
) {
  const measures: MessageInitShape<typeof ExperimentReportSchema>["arms"] = [
    { name: "today" },
    {
      name: "kimi",
      verdict,
      measures: [
        ...(success ? [{ metric: ExperimentMetric.SUCCESS, difference: success }] : []),
        ...(cost ? [{ metric: ExperimentMetric.COST, difference: cost }] : []),
      ],
    },
  ];
  const report = create(ExperimentReportSchema, {
    experiment: {
      arms: [{ name: "today" }, { name: "kimi" }],
      question: { margin: 0.03, mostSuccessLost: 0.1, mostExtraNanoUsd: 2_000_000n },
    },
    arms: measures,
    status,
  });
  const [, arm] = report.arms;
  return arm === undefined ? undefined : sayVerdict(arm, report);
}

describe("the question", () => {
  it("is one sentence, of two arms and of more", () => {
    const arms = (...names: string[]) => names.map((name) => ({ name }));
    expect(sayQuestion(arms("gpt", "kimi"), 0.03)).toBe(
      "Is kimi no worse than gpt on success (margin 3 points), and cheaper?",
    );
    expect(sayQuestion(arms("gpt", "kimi", "claude"), 0.03)).toBe(
      "Are kimi and claude no worse than gpt on success (margin 3 points), and cheaper?",
    );
  });
});

describe("a verdict", () => {
  it("that is not known yet says which half is, and what is open", () => {
    const said = verdictOf(
      ExperimentVerdict.NOT_KNOWN_YET,
      { estimate: -0.01, lower: -0.08, upper: 0.04 },
      { estimate: -2e6, lower: -3e6, upper: -1e6 },
    );
    expect(said?.title).toBe("Not known yet: more units are needed");
    expect(said?.details).toEqual([
      "Success against today: 8 points worse to 4 points better, so whether it is no worse is open.",
      "Cost of a call against today: $0.00100 to $0.00300 less, which is cheaper.",
    ]);
  });

  it("without a unit says so", () =>
    expect(verdictOf(ExperimentVerdict.NOT_KNOWN_YET)?.details).toEqual([
      "No unit of both arms counts yet.",
    ]));

  it("is never known once nothing more comes", () => {
    const { NOT_KNOWN_YET } = ExperimentVerdict;
    expect(verdictOf(NOT_KNOWN_YET, undefined, undefined, ExperimentStatus.STOPPED)?.title).toBe(
      "Not known: it was stopped before there were enough units",
    );
  });

  it("calls a loss within the margin no worse, and one beyond it worse", () => {
    const [within] =
      verdictOf(ExperimentVerdict.NOT_KNOWN_YET, { estimate: 0, lower: -0.02, upper: 0.02 })?.details ?? [];
    const [beyond] =
      verdictOf(ExperimentVerdict.WORSE, { estimate: 0, lower: -0.2, upper: -0.05 })?.details ?? [];
    expect(within).toMatch(/which is no worse\.$/);
    expect(beyond).toMatch(/which is worse\.$/);
  });

  it.each([
    [ExperimentVerdict.NO_WORSE_AND_CHEAPER, "No worse than today, and cheaper"],
    [ExperimentVerdict.WORSE, "Worse than today: it loses more success than the margin of 3 points"],
    [ExperimentVerdict.NOT_CHEAPER, "Not cheaper than today"],
    [
      ExperimentVerdict.UNEVEN_SHARES,
      "Believe nothing here: the arms do not get the shares they are meant to",
    ],
    [
      ExperimentVerdict.STOPPED_SUCCESS_LOST,
      "Stopped by the guardrail on success: it certainly loses more than 10 points",
    ],
    [
      ExperimentVerdict.STOPPED_TOO_EXPENSIVE,
      "Stopped by the guardrail on cost: a call certainly costs more than $0.00200 extra",
    ],
  ])("%s is plain words, with the numbers that were asked for", (verdict, title) =>
    expect(verdictOf(verdict)?.title).toBe(title),
  );

  it("is not given of the first arm", () => expect(verdictOf(ExperimentVerdict.UNSPECIFIED)).toBeUndefined());
});
