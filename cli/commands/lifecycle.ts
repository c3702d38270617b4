/** `greenlight lifecycle` and `greenlight quarantine`: where a version is in its life, and whether anybody may use it. */
import { type Command, Option } from 'commander';
import { EXIT, usageFailure } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { type Output, oneLine } from '../output.ts';
import type { Session, SharedOptions } from '../session.ts';
import { type VerbContext, verb } from '../verb.ts';

interface LifecycleOptions extends SharedOptions {
  set?: string;
  deprecationDate?: string;
  eolDate?: string;
  replacement?: string;
  supportWindow?: string;
  reason?: string;
}

interface VersionView {
  artifact: string;
  version: string;
  digest: string;
  createdAt: string | null;
  lifecycle: {
    status: string;
    estimated: boolean;
    deprecationDate: string | null;
    eolDate: string | null;
    replacement: string | null;
    supportWindow: string | null;
    deprecateBefore: string | null;
  };
  quarantine: { reason: string; at: string; by: string } | null;
  inUse: { environments: { environment: string; products: string[] }[]; teams: string[]; products: number; pipelines: number };
  milestones: { date: string; text: string }[];
  recommendation: string;
  warnings: string[];
}

export function lifecycleVerb(context: VerbContext): Command {
  const text = (flags: string, description: string) => new Option(flags, description).argParser(notEmpty);
  return verb<LifecycleOptions>(context, 'lifecycle VERSION', {
    summary: 'Shows where a version is in its life and who uses it; with --set says so',
    examples: [
      'lifecycle v1.2.3',
      'lifecycle 1.0.0 --set deprecated --eol-date 2027-12-31 --replacement 1.1.0',
      'lifecycle 1.0.0 --artifact payment-api --json',
    ],
    run: lifecycle,
  })
    .addOption(new Option('--set <STATUS>', 'new status').choices(['active', 'deprecated', 'eol']))
    .addOption(text('--deprecation-date <DAY>', 'when warnings begin, e.g. 2027-01-15'))
    .addOption(text('--eol-date <DAY>', 'when its support ends'))
    .addOption(text('--replacement <VERSION>', 'version to move to'))
    .addOption(text('--support-window <LENGTH>', 'how long it is supported, e.g. "12 months"'))
    .addOption(text('--reason <TEXT>', 'why (at least 10 characters)'));
}

async function lifecycle(session: Session, [version]: string[], options: LifecycleOptions): Promise<number> {
  const { set: status, deprecationDate, eolDate, replacement, supportWindow, reason } = options;
  const more = { deprecationDate, eolDate, replacement, supportWindow, reason };
  const path = pathOf(session, version!);
  if (status === undefined && Object.values(more).some((value) => value !== undefined))
    throw usageFailure('dates and replacements belong to a status', `greenlight lifecycle ${version} --set deprecated …`);
  const view =
    status === undefined
      ? await session.client.get<VersionView>(path)
      : (await session.client.post<VersionView>(`${path}/lifecycle`, { status, ...more })).body;
  session.output.document(view);
  for (const line of lifecycleLines(session.output, view)) session.output.line(line);
  return EXIT.done;
}

export function quarantineVerb(context: VerbContext): Command {
  return verb<SharedOptions & { reason: string; release?: boolean }>(context, 'quarantine VERSION', {
    summary: 'Refuses a version everywhere from now on, or lets it go with --release',
    examples: [
      'quarantine 1.2.3 --reason "Incident 4711: it charges twice"',
      'quarantine 1.2.3 --release --reason "It was the load balancer after all"',
      'quarantine 1.2.3 --artifact payment-api --reason "CVE-2026-1234" --json',
    ],
    run: async (session, [version], { reason, release }) => {
      const { body } = await session.client.post<VersionView>(`${pathOf(session, version!)}/quarantine`, {
        reason,
        quarantined: release !== true,
      });
      session.output.document(body);
      const name = `${oneLine(body.artifact)} ${oneLine(body.version)}`;
      session.output.line(
        body.quarantine
          ? `  ${session.output.cross} ${name} is in quarantine: ${oneLine(body.quarantine.reason)}`
          : `  ${session.output.tick} ${name} may be used`,
      );
      return EXIT.done;
    },
  })
    .addOption(new Option('--reason <TEXT>', 'why (at least 10 characters)').argParser(notEmpty).makeOptionMandatory())
    .option('--release', 'let it go');
}

function pathOf({ artifact }: Session, version: string): string {
  return `/v1/artifacts/${encodeURIComponent(artifact)}/versions/${encodeURIComponent(version)}`;
}

/** The report of seed 001. */
function lifecycleLines(output: Output, view: VersionView): string[] {
  const { lifecycle: life, inUse, quarantine } = view;
  const support = life.supportWindow === null ? '' : ` (${oneLine(life.supportWindow)} support)`;
  const before = life.deprecateBefore === null ? '' : ` (${oneLine(life.deprecateBefore)} before EOL)`;
  const using = inUse.environments.map(({ environment, products }) =>
    products.length > 0 ? `${oneLine(environment)} (${products.map(oneLine).join(', ')})` : oneLine(environment),
  );
  return [
    `Artifact: ${oneLine(view.artifact)} ${oneLine(view.version)}`,
    `Status: ${life.status === 'active' ? life.status : output.paint('warn', oneLine(life.status))}`,
    ...(view.createdAt === null ? [] : [`Created: ${oneLine(view.createdAt).slice(0, 10)}`]),
    ...(life.eolDate === null ? [] : [`${life.estimated ? 'Estimated EOL' : 'EOL'}: ${oneLine(life.eolDate)}${support}`]),
    ...(life.deprecationDate === null ? [] : [`Deprecation date: ${oneLine(life.deprecationDate)}${before}`]),
    ...(life.replacement === null ? [] : [`Replacement: ${oneLine(life.replacement)}`]),
    ...(quarantine === null
      ? []
      : [`Quarantine: ${output.cross} since ${oneLine(quarantine.at)} by ${oneLine(quarantine.by)}: ${oneLine(quarantine.reason)}`]),
    '',
    'In-use:',
    `  Environments: ${using.length === 0 ? 'none' : using.join(', ')}`,
    `  Teams: ${inUse.teams.length} data team${inUse.teams.length === 1 ? '' : 's'}`,
    `  Workloads: ${inUse.products} data product${inUse.products === 1 ? '' : 's'}, ${inUse.pipelines} pipeline${inUse.pipelines === 1 ? '' : 's'}`,
    ...(view.milestones.length === 0 ? [] : ['', 'Upcoming milestones:']),
    ...view.milestones.map(({ date, text }) => `  ${oneLine(date)}: ${oneLine(text)}`),
    '',
    `Recommended action: ${oneLine(view.recommendation)}`,
  ];
}
