/** Days of a period as the columns of a plot: every day has one, or every week where days would be too thin to see. */

export interface Column {
  /** First day, `2026-11-20`. */
  from: string;
  /** Last day; the same where a column is a day. */
  to: string;
  deployments: number;
  failures: number;
}

/** More days than this make weeks. */
const MOST_DAYS = 45;
const DAY_MS = 86_400_000;

/** `days`: those on which something happened. The last column ends with the last day of the period; a first one that would be cut is whole. */
export function columnsOf(
  days: readonly { day: string; deployments: number; failures: number }[],
  since: string,
  length: number,
): Column[] {
  const first = Date.parse(since.slice(0, 'YYYY-MM-DD'.length));
  const width = length > MOST_DAYS ? 7 : 1;
  // A period of 30 days touches 31 of them, as a rule.
  const count = Math.ceil((length + 1) / width);
  const start = first - (count * width - (length + 1)) * DAY_MS;
  const columns = Array.from({ length: count }, (_, index): Column => {
    const from = start + index * width * DAY_MS;
    return { from: dayOf(from), to: dayOf(from + (width - 1) * DAY_MS), deployments: 0, failures: 0 };
  });
  for (const { day, deployments, failures } of days) {
    const column = columns[Math.floor((Date.parse(day) - start) / DAY_MS / width)];
    if (!column) continue;
    column.deployments += deployments;
    column.failures += failures;
  }
  return columns;
}

function dayOf(time: number): string {
  return new Date(time).toISOString().slice(0, 'YYYY-MM-DD'.length);
}
