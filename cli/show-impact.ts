/** What a rollback would do, as seed 001 shows it. */
import { type Output, oneLine } from './output.ts';
import type { GateView, StageView } from './request.ts';

export interface RollbackPlanView {
  planHash: string;
  environment: string;
  current: { version: string };
  target: { version: string; digest: string };
  confirm: string | null;
  gates?: GateView[];
  approvals?: { required: boolean; stages: StageView[] };
  impact: {
    products: { name: string; pipelines: number; storageGb: number | null; owner: string | null }[];
    workloads: { total: number; safe: number; stateful: number };
    cluster?: { at?: string; workloads?: { namespace: string; name: string; state: boolean }[]; unread?: string };
    downtime: { fromSeconds: number; toSeconds: number; parts: { name: string; fromSeconds: number; toSeconds: number }[] } | null;
    data: { risk: string; notes: string[] };
    risk: { level: string; reasons: string[]; mitigations: string[] };
    recommendation: { verdict: string; prerequisites: string[] };
    warnings?: string[];
  };
}

export function impactLines(output: Output, { environment, current, target, impact }: RollbackPlanView): string[] {
  const { products, workloads, cluster, downtime, data, risk, recommendation, warnings = [] } = impact;
  const place = (version: string) => `${oneLine(version)}-${oneLine(environment)}`;
  const sections = [
    [`Impact Analysis: Rollback from ${place(current.version)} to ${place(target.version)}`],
    [`Affected Data Products: ${products.length}`, ...products.map((product, index) => `  ${index + 1}. ${productLine(product)}`)],
    [
      `Workload Impact: ${count(workloads.total, 'total pipeline')}`,
      `  ${output.tick} Safe: ${count(workloads.safe, 'pipeline')} (no state dependencies)`,
      ...(workloads.stateful > 0
        ? [`  ${output.paint('warn', '⚠')} Cautious: ${count(workloads.stateful, 'pipeline')} (have state, will reset)`]
        : []),
      ...(cluster?.workloads ?? []).map(
        ({ namespace, name, state }) => `  - in the cluster: ${oneLine(namespace)}/${oneLine(name)}${state ? ' (has state)' : ''}`,
      ),
    ],
    [
      `Estimated Downtime: ${downtime ? spanOf(downtime) : 'not known'}`,
      ...(downtime?.parts ?? []).map((part) => `  - ${oneLine(part.name)}: ${spanOf(part)}`),
    ],
    [`Data Impact: Data loss risk: ${oneLine(data.risk)}`, ...data.notes.map((note) => `  - ${oneLine(note)}`)],
    [
      `Rollback Risk: ${output.paint(risk.level === 'HIGH' ? 'bad' : risk.level === 'MEDIUM' ? 'warn' : 'good', oneLine(risk.level))}`,
      ...risk.reasons.map((reason) => `  - Reason: ${oneLine(reason)}`),
      ...risk.mitigations.map((mitigation) => `  - Mitigation: ${oneLine(mitigation)}`),
    ],
    [
      `Recommendation: ${oneLine(recommendation.verdict)}`,
      ...(recommendation.prerequisites.length > 0
        ? [`  - Pre-requisites: ${recommendation.prerequisites.map((each, index) => `${index + 1}. ${oneLine(each)}`).join(', ')}`]
        : []),
    ],
    ...(warnings.length > 0 ? [warnings.map((warning) => `${output.paint('warn', '⚠')} ${oneLine(warning)}`)] : []),
  ];
  return sections.flatMap((lines) => [...lines, '']);
}

function productLine({ name, pipelines, storageGb, owner }: RollbackPlanView['impact']['products'][number]): string {
  const facts = [
    count(pipelines, 'pipeline'),
    ...(storageGb === null ? [] : [`${storageGb} GB storage`]),
    ...(owner === null ? [] : [`owner ${oneLine(owner)}`]),
  ];
  return `${oneLine(name)} (${facts.join(', ')})`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}

/** `<1 minute`, `2 minutes`, `5-10 minutes`. */
function spanOf({ fromSeconds, toSeconds }: { fromSeconds: number; toSeconds: number }): string {
  if (toSeconds < 60) return '<1 minute';
  const [from, to] = [Math.floor(fromSeconds / 60), Math.ceil(toSeconds / 60)];
  return from === to || from === 0 ? `${from === 0 ? 'up to ' : ''}${count(to, 'minute')}` : `${from}-${to} minutes`;
}
