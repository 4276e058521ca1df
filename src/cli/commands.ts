/** Every command by its name. */
import type { Command } from "./cli.ts";
import { completeCommand } from "./commands/complete.ts";
import { exportCommand, importCommand, validateCommand } from "./commands/config.ts";
import { auditCommand } from "./commands/config-audit.ts";
import { backtestCommand } from "./commands/config-backtest.ts";
import { executionsCommand } from "./commands/executions.ts";
import { providersCommand } from "./commands/providers.ts";
import { routeCommand } from "./commands/route.ts";

export const COMMANDS: Readonly<Record<string, Command>> = {
  route: routeCommand,
  complete: completeCommand,
  providers: providersCommand,
  executions: executionsCommand,
  "config export": exportCommand,
  "config validate": validateCommand,
  "config import": importCommand,
  "config backtest": backtestCommand,
  "config audit": auditCommand,
};
