/** Every command by its name. */
import type { Command } from "./cli.ts";
import { matrixCommand } from "./commands/access-matrix.ts";
import { completeCommand } from "./commands/complete.ts";
import { exportCommand, importCommand, validateCommand } from "./commands/config.ts";
import { auditCommand } from "./commands/config-audit.ts";
import { backtestCommand } from "./commands/config-backtest.ts";
import { executionsCommand } from "./commands/executions.ts";
import { deletePromptsCommand, showPromptCommand } from "./commands/prompts.ts";
import { providersCommand } from "./commands/providers.ts";
import { routeCommand } from "./commands/route.ts";

export const COMMANDS: Readonly<Record<string, Command>> = {
  route: routeCommand,
  complete: completeCommand,
  providers: providersCommand,
  executions: executionsCommand,
  "prompts show": showPromptCommand,
  "prompts delete": deletePromptsCommand,
  "access matrix": matrixCommand,
  "config export": exportCommand,
  "config validate": validateCommand,
  "config import": importCommand,
  "config backtest": backtestCommand,
  "config audit": auditCommand,
};
