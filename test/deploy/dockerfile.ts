/** A Dockerfile as a list of stages, as far as ours goes. */

export type Instruction = Readonly<{ name: string; text: string }>;
export type Stage = Readonly<{ base: string; name: string; instructions: readonly Instruction[] }>;

/** @throws Error for a line that is no instruction */
export function readDockerfile(text: string): readonly Stage[] {
  const lines = text
    .replaceAll(/\\\n\s*/g, "")
    .split("\n")
    .filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const stages: (Omit<Stage, "instructions"> & { instructions: Instruction[] })[] = [];
  for (const line of lines) {
    const [, name = "", rest = ""] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (name === "") throw new Error(`no instruction: ${line}`);
    if (name === "FROM") {
      const [, base = "", stage = ""] = /^(\S+)(?: AS (\S+))?$/.exec(rest) ?? [];
      stages.push({ base, name: stage, instructions: [] });
    } else stages.at(-1)?.instructions.push({ name, text: rest });
  }
  return stages;
}

/** The words of an instruction that is written without a shell. @throws Error when it is not */
export const execForm = (text: string): readonly string[] => {
  const words: unknown = JSON.parse(text);
  if (!Array.isArray(words)) throw new Error(`not in the form without a shell: ${text}`);
  return words.map(String);
};

/** "A=1 B=2" of an ENV. */
export const variablesIn = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    text.split(" ").map((word) => [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)]),
  );
