import { listMatrix } from "../../rpc/access-matrix.ts";
import { type Command, EXIT, UsageError } from "../cli.ts";

export const matrixCommand: Command = {
  usage: "access matrix",
  summary: "Prints who may do what: every RPC and HTTP route, and the roles. Asks no service.",
  options: {},
  async run({ operands, terminal, json }) {
    if (operands.length > 0) throw new UsageError(`${operands[0]} is one word too many`);
    const rows = listMatrix();
    if (json) {
      terminal.print(JSON.stringify(rows));
      return EXIT.done;
    }
    const width = Math.max(...rows.map(({ what }) => what.length));
    terminal.print(`| ${"".padEnd(width)} | nobody | caller | operator | admin |`);
    terminal.print(`| ${"-".repeat(width)} | ------ | ------ | -------- | ----- |`);
    for (const { what, nobody, caller, operator, admin } of rows) {
      const cells = [nobody.padEnd(6), caller.padEnd(6), operator.padEnd(8), admin.padEnd(5)];
      terminal.print(`| ${what.padEnd(width)} | ${cells.join(" | ")} |`);
    }
    terminal.print(
      "\nown: its own executions, budgets, key and stored texts. token: with MODELTIER_METRICS_TOKEN, or from a loopback address.",
    );
    return EXIT.done;
  },
};
