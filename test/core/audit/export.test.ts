import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cellOf, csvRecord, ndjsonRecord } from '../../../core/audit/export.ts';
import { type LogEntry, summaryOf } from '../../../core/audit/log-entry.ts';

const entry: LogEntry = {
  ...{ index: 3, id: 'e', rid: 'PR-2026-0001', type: 'approval.decided', ts: '2026-03-01T10:00:00.000Z', tenant: 't' },
  ...{ actor: { id: 'p-1', auth: 'oidc', channel: 'rest' }, artifact: 'payment-api', digest: null, from: 'dev', to: 'staging', plan: null },
  data: { decision: 'approve' },
};

describe('a cell', () => {
  it.each(['=HYPERLINK("http://evil")', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '＝1', '＋1', '＠x', ' =1', '|calc', '%0A', '\u202e=1'])(
    'AUD-15 AUD-16 that begins as %j is text',
    (text) => {
      expect(cellOf(text)).toMatch(/^"'/);
    },
  );

  it('AUD-16 is one cell of one record, whatever it holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const cell = cellOf(text);
        // A quote inside is doubled, and no reader finds a line break.
        expect(cell.slice(1, -1).replaceAll('""', '')).not.toContain('"');
        expect(cell).not.toMatch(/[\p{Cc}\u2028\u2029]/u);
        const shown = cell.slice(1, -1).replaceAll('""', '"');
        expect(shown).not.toMatch(/^[\s\p{Cc}\p{Cf}]*[=+\-@＝＋－＠|%]/u);
      }),
    );
  });

  it('leaves harmless text as it is', () => {
    expect(cellOf('payment-api 1.0')).toBe('"payment-api 1.0"');
    expect(cellOf('')).toBe('""');
  });
});

it('AUD-16 a name that looks like a record makes no second one', () => {
  const name = 'x"\n{"index":9}\u2028\r\n"y';
  const csv = csvRecord(entry, { email: '=cmd', name });
  expect(csv.match(/\n/g)).toHaveLength(1);
  expect(csv).toContain(`"'=cmd"`);
  const line = '{"v":1}';
  const record = ndjsonRecord(3, line, { id: 'p-1', email: null, name });
  expect(record.split(/[\n\u2028\u2029]/)).toHaveLength(2);
  expect(JSON.parse(record)).toEqual({ index: 3, actor: { id: 'p-1', email: null, name }, line });
});

it('a summary says what happened where', () => {
  expect(summaryOf(entry)).toBe('approval decided of payment-api: dev → staging (PR-2026-0001; decision approve)');
  expect(summaryOf({ ...entry, artifact: null, data: {} })).toBe('approval decided (PR-2026-0001)');
  expect(summaryOf({ ...entry, from: null, data: { status: '' } })).toBe('approval decided of payment-api in staging (PR-2026-0001)');
  expect(summaryOf({ ...entry, to: null, data: { tag: null } })).toBe('approval decided of payment-api (PR-2026-0001)');
});
