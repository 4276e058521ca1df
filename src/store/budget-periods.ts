/** Periods of budgets in SQL: UTC, by the database's clock. */
import { type RawBuilder, sql } from "kysely";

/** When the period that now falls into began. @param period an expression that gives its name */
export const periodStart = (period: RawBuilder<unknown>): RawBuilder<Date> =>
  sql<Date>`(case ${period}
    when 'total' then 'epoch'::timestamptz
    else date_trunc(${period}, now() at time zone 'utc') at time zone 'utc' end)`;

/** How long it still lasts, in ms; null: for ever. */
export const periodMsLeft = (period: RawBuilder<unknown>): RawBuilder<number | null> =>
  sql<number | null>`(case ${period} when 'total' then null
    else (extract(epoch from (date_trunc(${period}, now() at time zone 'utc') + ('1 ' || ${period})::interval)
      at time zone 'utc' - now()) * 1000)::double precision end)`;
