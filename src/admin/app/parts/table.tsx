import type { ReactNode } from "react";

export type Column<Row> = Readonly<{
  name: string;
  cell: (row: Row) => ReactNode;
  /** Numbers stand on the right. */
  right?: boolean;
}>;

/** A table that becomes cards on a narrow screen, with the same facts in the same order. */
export function Table<Row>({
  caption,
  columns,
  rows,
  keyOf,
}: {
  caption: string;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row, index: number) => string;
}) {
  return (
    <table className="cards">
      <caption className="hidden">{caption}</caption>
      <thead>
        <tr>
          {columns.map(({ name, right }) => (
            <th key={name} scope="col" className={right ? "right" : undefined}>
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map((row, index) => (
          <tr key={keyOf(row, index)}>
            {columns.map(({ name, cell, right }) => (
              <td key={name} data-label={name} className={right ? "right" : undefined}>
                {/* One element, so that a card lays it out as one value. */}
                <span>{cell(row)}</span>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** A picture with the sentence that says the same, and the numbers it is made of. */
export function Figure<Row>({
  title,
  sentence,
  picture,
  controls,
  columns,
  rows,
  keyOf,
}: {
  title: string;
  sentence: string;
  picture: ReactNode;
  /** What is moved on the picture. */
  controls?: ReactNode;
  columns: readonly Column<Row>[];
  rows: readonly Row[];
  keyOf: (row: Row, index: number) => string;
}) {
  return (
    <figure className="stack">
      <div role="img" aria-label={sentence}>
        {picture}
      </div>
      {controls}
      <figcaption>{sentence}</figcaption>
      <details>
        <summary>{title} as a table</summary>
        <Table caption={title} columns={columns} rows={rows} keyOf={keyOf} />
      </details>
    </figure>
  );
}
