/** The past of a request in as few lines as say it. */
import type { Answered } from '../kit/operations.ts';

type Entry = Answered<'getRequest'>['status']['history'][number];

/** What happened several times in a row, and says no more than that, is one line with the last time. */
export function grouped(history: readonly Entry[]): (Entry & { times: number })[] {
  const lines: (Entry & { times: number })[] = [];
  for (const entry of history) {
    const last = lines.at(-1);
    const isSame = last?.action === entry.action && last.by === entry.by && isPlain(last) && isPlain(entry);
    if (isSame) lines[lines.length - 1] = { ...entry, times: last.times + 1 };
    else lines.push({ ...entry, times: 1 });
  }
  return lines;
}

function isPlain({ comment, error, onBehalfOf, jobId }: Entry): boolean {
  return !comment && error === undefined && onBehalfOf === undefined && jobId === undefined;
}
