/** Whether the arms got the shares they were meant to: if not, something loses units, and no comparison can be believed. */

/** One arm: units counted so far, and the share it was meant to get. */
export type ArmCount = Readonly<{ units: number; share: number }>;

/**
 * An e-value against the intended shares: the Dirichlet-multinomial mixture of Lindon & Malek, "Anytime-Valid Inference for Multinomial
 * Count Data" (NeurIPS 2022). Looked at after every unit, it ever exceeds 1 / alpha with probability at most alpha if the shares hold.
 * @param concentration of the mixture about the intended shares; higher finds small deviations sooner once there are many units
 * @returns its natural logarithm
 * @throws RangeError if a share is not in (0, 1], shares do not sum to 1, or a count is no whole number
 */
export function sampleRatioLogEvidence(arms: readonly ArmCount[], concentration = 100): number {
  const total = arms.reduce((sum, { share }) => sum + share, 0);
  if (arms.some(({ share }) => !(share > 0)) || Math.abs(total - 1) > 1e-9) {
    throw new RangeError(`shares must be above 0 and sum to 1; they sum to ${total}`);
  }
  const wrong = arms.find(({ units }) => !(Number.isSafeInteger(units) && units >= 0));
  if (wrong !== undefined) throw new RangeError(`units must be a whole number from 0 on, not ${wrong.units}`);
  const units = arms.reduce((sum, arm) => sum + arm.units, 0);
  const perArm = arms.map(({ units: n, share }) => {
    const prior = concentration * share;
    return logGamma(prior + n) - logGamma(prior) - n * Math.log(share);
  });
  return perArm.reduce((sum, part) => sum + part, logGamma(concentration) - logGamma(concentration + units));
}

export const isSampleRatioWrong = (arms: readonly ArmCount[], alpha: number): boolean =>
  sampleRatioLogEvidence(arms) >= -Math.log(alpha);

/** ln Γ(x) for x > 0: Stirling's series from 10 on, below it by Γ(x + 1) = x Γ(x). Absolute error below 1e-10 where it is small. */
export function logGamma(x: number): number {
  let shift = 0;
  let at = x;
  for (; at < 10; at += 1) shift += Math.log(at);
  const inverse = 1 / (at * at);
  const series = (1 / 12 - inverse * (1 / 360 - inverse * (1 / 1260 - inverse / 1680))) / at;
  return (at - 0.5) * Math.log(at) - at + 0.5 * Math.log(2 * Math.PI) + series - shift;
}
