/** `greenlight stats`: how often, how fast, how well, and what is waited for. */
import { type Command, Option } from 'commander';
import { EXIT } from '../failure.ts';
import { integer } from '../operands.ts';
import { oneLine } from '../output.ts';
import type { EnvironmentList } from '../request.ts';
import type { SharedOptions } from '../session.ts';
import { type VerbContext, verb } from '../verb.ts';

interface MetricsView {
  environment: string;
  days: number;
  complete?: boolean;
  deployments: number;
  deploymentsPerDay: number;
  leadTime: { median: number; p90: number } | null;
  changes: number;
  failures: number;
  changeFailureRate: number | null;
  timeToRestore: { median: number; p90: number } | null;
  spent: Record<string, number>;
  failed: string[];
}

/** As people read them; the order in which a promotion meets them. */
const PARTS: readonly [string, string][] = [
  ['gates', 'gates'],
  ['blocked', 'blocked'],
  ['approval', 'approval'],
  ['turn', 'its turn'],
  ['copy', 'copy'],
  ['rollout', 'rollout'],
  ['held', 'held'],
];

export function statsVerb(context: VerbContext): Command {
  return verb<SharedOptions & { days?: number }>(context, 'stats [ENV]', {
    summary: 'Shows deployment frequency, lead time, change failure rate, time to restore, and what was waited for',
    examples: ['stats', 'stats prod --days 90', 'stats prod --artifact payment-api --json'],
    run: async ({ client, output, options }, [environment], { days }) => {
      const names =
        environment === undefined
          ? (await client.get<EnvironmentList>('/v1/environments')).items.map((item) => item.environment)
          : [environment];
      const items: MetricsView[] = [];
      for (const name of names) {
        const query = { artifact: options.artifact, days: days === undefined ? undefined : String(days) };
        items.push(await client.get<MetricsView>(`/v1/environments/${encodeURIComponent(name)}/metrics`, query));
      }
      output.document({ items });
      for (const item of items) for (const line of linesOf(item)) output.line(line);
      return EXIT.done;
    },
  }).addOption(new Option('--days <N>', 'how far back (default: 30)').argParser(integer(1, 366)));
}

function linesOf(view: MetricsView): string[] {
  const { environment, days, deployments, deploymentsPerDay, leadTime, changeFailureRate, failures, changes, timeToRestore, spent } = view;
  const total = (spent['waiting'] ?? 0) + (spent['working'] ?? 0);
  const share = (part: string): string => `${Math.round((100 * (spent[part] ?? 0)) / total)} %`;
  const parts = PARTS.filter(([part]) => (spent[part] ?? 0) > 0).map(([part, name]) => `${name} ${share(part)}`);
  return [
    `${oneLine(environment)}, last ${days} days`,
    `  Deployments: ${deployments} (${deploymentsPerDay} a day)`,
    `  Lead time: ${quantiles(leadTime)}`,
    `  Change failure rate: ${changeFailureRate === null ? 'nothing was changed' : `${Math.round(changeFailureRate * 1000) / 10} % (${failures} of ${changes})`}`,
    `  Time to restore: ${quantiles(timeToRestore)}`,
    ...(total > 0 ? [`  Waiting: ${share('waiting')}, working: ${share('working')} (${parts.join(', ')})`] : []),
    ...(view.complete === false ? ['  There is more in this period than is counted: ask for fewer days'] : []),
    '',
  ];
}

function quantiles(value: { median: number; p90: number } | null): string {
  return value === null ? 'nothing to measure' : `${length(value.median)} (median), ${length(value.p90)} (90 % are faster)`;
}

function length(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${Math.round(seconds / 360) / 10} h` : `${Math.round(seconds / 8_640) / 10} days`;
}
