/** What the calibrated scorer reads of a request, and what it says of it. */

/** A function the model may call. Either part may be "" where it is not known. */
export type OfferedTool = Readonly<{
  name: string;
  description: string /** JSON schema. */;
  parametersJson: string;
}>;

/** A request as far as its difficulty can be seen before anyone answers it. Texts may be in any language. */
export type ScorableRequest = Readonly<{
  /** In order; the last is what is asked now. A step's are its name, description, prompt and parameters. */
  texts: readonly string[];
  tools?: readonly OfferedTool[];
  attachments?: Readonly<{ count: number; bytes: number }>;
  /** Messages of the conversation so far, this one included; absent: as many as there are texts. */
  messages?: number;
  /** The six factors of the classic score, each in [0, 10]; absent: taken from the texts, of a step of no stated kind. */
  factors?: Readonly<Record<ClassicFactor, number>>;
}>;

export type ClassicFactor = "prompt" | "data" | "conditions" | "context" | "reasoning" | "output";

/** What a feature speaks of. Contributions are summed by it, since nobody can judge a hashed pair of words. */
export const GROUPS = [
  "length",
  "layout",
  "vocabulary",
  "numbers",
  "mathematics",
  "code",
  "question",
  "choices",
  "logic",
  "format",
  "language",
  "tools",
  "conversation",
  "attachments",
  "factors",
  "wording",
] as const;
export type Group = (typeof GROUPS)[number];

/**
 * Groups by what a model needs for them: what outcomes of other traffic than that of training may weigh anew. Their order is kept with
 * what was learned; a change of it needs another number of them.
 */
export const SIGNS: readonly (readonly Group[])[] = [
  ["length", "layout", "conversation", "attachments", "factors"],
  ["vocabulary", "language", "wording"],
  ["numbers", "mathematics"],
  ["code"],
  ["question", "format"],
  ["choices"],
  ["logic"],
  ["tools"],
];

/** In words an operator understands. */
export const GROUP_WORDS: Readonly<Record<Group, string>> = {
  length: "how long the text is",
  layout: "lines, lists and quoted passages",
  vocabulary: "how rare and varied the words are",
  numbers: "numbers and amounts",
  mathematics: "mathematical notation and terms",
  code: "program code",
  question: "the kind of question",
  choices: "answers to choose from",
  logic: "conditions, negations and constraints",
  format: "the form of answer asked for",
  language: "language and script",
  tools: "tools offered and how they match",
  conversation: "the conversation so far",
  attachments: "attachments",
  factors: "the factors of the classic score",
  wording: "words and phrases seen in training",
};

export type Contribution = Readonly<{
  group: Group | "usual";
  /** Words an operator understands. */
  what: string;
  /** Of the score; negative: speaks for a weaker model. */
  points: number;
}>;

export type CalibratedScore = Readonly<{
  /** Before calibration: another calibration makes another score of it. */
  raw: number;
  /** In [0, 10]; rising with what a stronger model is expected to add. Calibrated: see the weights' `calibration`. */
  score: number;
  /** How likely a weak model is to fail, in [0, 1]. */
  difficulty: number;
  /** What a strong model is expected to add to success, in [-1, 1]. */
  benefit: number;
  /** How far it is like what the scorer was trained on, in [0, 0.8]; at 0 only signs that hold across workloads count. */
  familiarity: number;
  /** What each of `SIGNS` adds to `raw`, which is their sum. */
  signs: readonly number[];
  /** The usual request's score first, then what moved this one from there, largest first. They sum to `score`. */
  contributions: readonly Contribution[];
}>;
