/** The screens, the key that follows `g`, and where they are. */
import type { ComponentType } from "react";
import { ConfigScreen } from "../config/ConfigScreen.tsx";
import { ExperimentScreen } from "../experiments/ExperimentScreen.tsx";
import { Experiments } from "../experiments/Experiments.tsx";
import { START } from "../experiments/paths.ts";
import { StartExperiment } from "../experiments/StartExperiment.tsx";
import { AgentScore } from "../screens/AgentScore.tsx";
import { Budgets } from "../screens/Budgets.tsx";
import { Costs } from "../screens/Costs.tsx";
import { Execution } from "../screens/Execution.tsx";
import { Executions } from "../screens/Executions.tsx";
import { Keys } from "../screens/Keys.tsx";
import { Overview } from "../screens/Overview.tsx";
import { Playground } from "../screens/Playground.tsx";

export type Screen = Readonly<{ path: string; name: string; key: string; show: ComponentType }>;

export const SCREENS: readonly Screen[] = [
  { path: "/", name: "Overview", key: "o", show: Overview },
  { path: "/config", name: "Orchestration Config", key: "c", show: ConfigScreen },
  { path: "/experiments", name: "Experiments", key: "x", show: Experiments },
  { path: "/executions", name: "Executions", key: "e", show: Executions },
  { path: "/costs", name: "Costs", key: "m", show: Costs },
  { path: "/playground", name: "Playground", key: "p", show: Playground },
  { path: "/budgets", name: "Budgets", key: "b", show: Budgets },
  { path: "/keys", name: "Keys", key: "k", show: Keys },
];

const EXECUTION: Screen = { path: "/executions", name: "Execution", key: "", show: Execution };

const AGENT: Screen = { path: "/costs", name: "Agent", key: "", show: AgentScore };

const EXPERIMENT: Screen = { path: "/experiments", name: "Experiment", key: "", show: ExperimentScreen };

const NEW_EXPERIMENT: Screen = { ...EXPERIMENT, name: "Start an experiment", show: StartExperiment };

/** The screen of an address; undefined when there is none. */
export function findScreen(path: string): Screen | undefined {
  if (/^\/executions\/[^/]+$/.test(path)) return EXECUTION;
  if (/^\/experiments\/[^/]+$/.test(path)) return EXPERIMENT;
  if (path === START) return NEW_EXPERIMENT;
  return /^\/agents\/[^/]+$/.test(path) ? AGENT : SCREENS.find((screen) => screen.path === path);
}
