import { type ReactNode, useId } from "react";
import type { Violations } from "./field-violations.ts";

type Wrong = Readonly<{ "aria-invalid": boolean; "aria-describedby": string }>;

/** A control under its name, and below it what is wrong with it. @param at the way to the field in the experiment */
export function FormField({
  name,
  at,
  violations,
  children,
}: {
  name: string;
  at: string;
  violations: Violations;
  /** The control, which takes these. */
  children: (wrong: Wrong) => ReactNode;
}) {
  const id = useId();
  const problem = violations.get(at);
  return (
    <div className="stack tight">
      {/* biome-ignore lint/a11y/noLabelWithoutControl: the control is what it is given */}
      <label>
        <span>{name}</span>
        {children({ "aria-invalid": problem !== undefined, "aria-describedby": id })}
      </label>
      <span id={id} className="broken-text small">
        {problem !== undefined && `✕ ${problem}`}
      </span>
    </div>
  );
}
