/** What stands where data will be, could be, or should have been. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { ReactNode } from "react";
import { sayError } from "../api/say-error.ts";
import { When } from "./values.tsx";

/** Of a table's row, in px. */
const ROW_HEIGHT = 28;

type Asked<T> = Readonly<{
  data: T | undefined;
  error: unknown;
  /** When the data came, in ms since 1970; 0 or absent: not known. */
  dataUpdatedAt?: number;
  refetch?: () => unknown;
}>;

/**
 * Shows what is there, and says above it what is wrong and how old it is. A skeleton of its shape holds the place, unseen for 200 ms.
 * @param rows how many rows of a table will most likely come; absent: no table but something `height` px high
 */
export function Asked<T>({
  of,
  height = 160,
  rows,
  children,
}: {
  of: Asked<T>;
  height?: number;
  rows?: number;
  children: (data: T) => ReactNode;
}) {
  const { data, error, dataUpdatedAt = 0, refetch } = of;
  return (
    <>
      {error != null && <Problem error={error} {...(refetch && { again: refetch })} />}
      {error != null && data !== undefined && dataUpdatedAt > 0 && (
        <p className="muted">
          What follows was read <When time={timestampFromMs(dataUpdatedAt)} />.
        </p>
      )}
      {data !== undefined
        ? children(data)
        : error == null && (
            <div
              className={rows === undefined ? "skeleton" : "skeleton rows"}
              style={{ height: rows === undefined ? height : (rows + 1) * ROW_HEIGHT }}
            >
              <span className="hidden">Loading</span>
            </div>
          )}
    </>
  );
}

export function Problem({ error, again }: { error: unknown; again?: () => unknown }) {
  return (
    <div className="note broken" role="alert">
      {sayError(error)}{" "}
      {again !== undefined && (
        <button type="button" onClick={() => again()}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Empty({ children }: { children: ReactNode }) {
  return <p className="note plain">{children}</p>;
}
