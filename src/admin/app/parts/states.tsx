/** What stands where data will be, could be, or should have been. */
import type { ReactNode } from "react";
import { sayError } from "../api/say-error.ts";

type Asked<T> = Readonly<{
  data: T | undefined;
  error: unknown;
  isFetching?: boolean;
  refetch?: () => unknown;
}>;

/** Shows what is there, however old, and says what is wrong above it. A skeleton holds the place, unseen for 200 ms. */
export function Asked<T>({
  of,
  height = 160,
  children,
}: {
  of: Asked<T>;
  height?: number;
  children: (data: T) => ReactNode;
}) {
  return (
    <>
      {of.error != null && <Problem error={of.error} {...(of.refetch && { again: of.refetch })} />}
      {of.data !== undefined
        ? children(of.data)
        : of.error == null && (
            <div className="skeleton" style={{ height }}>
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
