import type { ReactNode } from "react";
import type { Violations } from "./field-violations.ts";

/** A control under its name, with what is wrong with it. @param at the way to the field in the experiment */
export function FormField({
  name,
  at,
  violations,
  children,
}: {
  name: string;
  at: string;
  violations: Violations;
  children: (isWrong: boolean) => ReactNode;
}) {
  const problem = violations.get(at);
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is what it is given
    <label>
      <span>{name}</span>
      {children(problem !== undefined)}
      {problem !== undefined && <span className="broken-text">✕ {problem}</span>}
    </label>
  );
}
