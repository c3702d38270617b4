/** Failures of credentials in the table: by source for the limit, and by minute and kind for the log. */
import { countedBy, type FailureKind } from '../../core/access/failed-sign-ins.ts';
import { FAILURES, failuresSort, limitKey } from '../state/keys.ts';
import type { Table } from '../state/table.ts';

/** API tokens and sign-ins share a limit: who guesses one guesses the other. */
const LIMIT_OF: Readonly<Record<FailureKind, string>> = { signin: 'signin', token: 'signin', link: 'link', hook: 'hook' };

/**
 * Counts one failure; answers how many its source has had of what shares a limit. The source stands in the row of the limit, which goes after five
 * minutes, and in no other. A crash between the two writes loses one of the count for the log.
 */
export async function addFailure(table: Table, kind: FailureKind, source: string, minute: number): Promise<number> {
  const row = await table.update({
    update: { pk: limitKey(LIMIT_OF[kind], source, minute), sk: 'LIMIT' },
    expression: 'SET #ttl = :ttl ADD failures :one, #kind :one',
    names: { '#ttl': 'ttl', '#kind': `of_${kind}` },
    values: { ':one': 1, ':ttl': (minute + 6) * 60 },
  });
  const failures = Number(row['failures']);
  const count = countedBy(failures);
  if (count > 0) {
    await table.update({
      update: { pk: FAILURES, sk: failuresSort(minute, kind) },
      expression: 'ADD failures :count, sources :sources',
      values: { ':count': count, ':sources': row[`of_${kind}`] === 1 ? 1 : 0 },
    });
  }
  return failures;
}
