/**
 * An experiment whose units count at once, as one pastes it: the configuration in force, "today", against others.
 * @param arms what each asks in balanced, by its name: "kimi/kimi-k3"
 */
export const pasted = (
  experimentId: string,
  arms: Readonly<Record<string, string>>,
  unit: "SESSION" | "REQUEST" = "SESSION",
): string =>
  JSON.stringify({
    experimentId,
    unit: `EXPERIMENT_UNIT_${unit}`,
    trafficShare: 1,
    unitWindow: "0s",
    feedbackWait: "0s",
    arms: [
      { name: "today", weight: 1 },
      ...Object.entries(arms).map(([name, target]) => {
        const [provider, model] = target.split("/");
        return {
          name,
          weight: 1,
          fields: ["tiers.balanced.targets"],
          config: { tiers: { balanced: { targets: [{ provider, model }] } } },
        };
      }),
    ],
  });
