/** Where the screens of experiments are. */

/** No experiment's address: below `/experiments/` every name may be one. */
export const START = "/start-experiment";

export const toExperiment = (experimentId: string): string =>
  `/experiments/${encodeURIComponent(experimentId)}`;

/** The executions of an experiment, or of one of its arms. */
export function toExecutionsOf(experimentId: string, arm?: string): string {
  const query = new URLSearchParams({ experiment: experimentId, ...(arm !== undefined && { arm }) });
  return `/executions?${query}`;
}
