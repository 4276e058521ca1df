/**
 * The solution of a few linear equations, by elimination without pivots: the matrix is symmetric and positive definite, as it is with a
 * ridge. Both arguments are used up.
 */
export function solved(matrix: readonly number[][], right: number[]): readonly number[] {
  for (const [index, row] of matrix.entries()) {
    const pivot = row[index] ?? 1;
    for (let below = index + 1; below < matrix.length; below++) {
      const cells = matrix[below] as number[];
      const factor = (cells[index] ?? 0) / pivot;
      if (factor === 0) continue;
      for (let column = index; column < row.length; column++) {
        cells[column] = (cells[column] ?? 0) - factor * (row[column] ?? 0);
      }
      right[below] = (right[below] ?? 0) - factor * (right[index] ?? 0);
    }
  }
  for (let index = matrix.length - 1; index >= 0; index--) {
    const row = matrix[index] as number[];
    let rest = right[index] ?? 0;
    for (let column = index + 1; column < row.length; column++) {
      rest -= (row[column] ?? 0) * (right[column] ?? 0);
    }
    right[index] = rest / (row[index] ?? 1);
  }
  return right;
}
