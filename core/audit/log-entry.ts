/** A line of the log as readers get it: what it says, without the chain. Lines are trusted for nothing but being shown. */

export interface LogEntry {
  index: number;
  id: string;
  rid: string;
  type: string;
  ts: string;
  /** Empty for events of the log itself. */
  tenant: string;
  actor: { id: string; auth: string; channel: string };
  artifact: string | null;
  digest: string | null;
  from: string | null;
  to: string | null;
  plan: string | null;
  data: Readonly<Record<string, unknown>>;
}

/** Reads a sealed line; undefined when it is none of ours. */
export function entryOf(line: Buffer, index: number): LogEntry | undefined {
  let event: Record<string, unknown>;
  try {
    event = JSON.parse(line.toString('utf8')) as Record<string, unknown>;
  } catch {
    return undefined;
  }
  if (event === null || typeof event !== 'object' || typeof event['id'] !== 'string') return undefined;
  const actor = (event['actor'] ?? {}) as Record<string, unknown>;
  return {
    index,
    id: event['id'],
    rid: textOf(event['rid']),
    type: textOf(event['type']),
    ts: textOf(event['ts']),
    tenant: textOf(event['tenant']),
    actor: { id: textOf(actor['id']), auth: textOf(actor['auth']), channel: textOf(actor['channel']) },
    artifact: orNull(event['artifact']),
    digest: orNull(event['digest']),
    from: orNull(event['from']),
    to: orNull(event['to']),
    plan: orNull(event['plan']),
    data: (event['data'] ?? {}) as LogEntry['data'],
  };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const orNull = (value: unknown): string | null => (typeof value === 'string' ? value : null);

/** What happened, in one line: the words of the event and the facts that it carries. */
export function summaryOf({ type, rid, artifact, from, to, data }: LogEntry): string {
  const what = type.replaceAll('.', ' ').replaceAll('_', ' ');
  const where = artifact === null ? '' : ` of ${artifact}${to === null ? '' : from === null ? ` in ${to}` : `: ${from} → ${to}`}`;
  const facts = Object.entries(data)
    .filter(([name, value]) => SHOWN.has(name) && value !== null && value !== '')
    .map(([name, value]) => `${name} ${[value].flat().join(', ')}`);
  return `${what}${where} (${[rid, ...facts].join('; ')})`;
}

/** Facts that people look for; hashes and counters are in the line itself. */
const SHOWN: ReadonlySet<string> = new Set([
  ...[
    'gate',
    'status',
    'decision',
    'step',
    'phase',
    'outcome',
    'code',
    'version',
    'kind',
    'registries',
    'reason',
    'waitingOn',
    'tag',
    'count',
  ],
]);
