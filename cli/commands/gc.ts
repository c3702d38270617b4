/** `greenlight gc`: what retention would delete, and deleting it by the id of that plan. */
import { type Command, Option } from 'commander';
import { CommandFailure, EXIT, usageFailure } from '../failure.ts';
import { type Output, oneLine } from '../output.ts';
import type { Session, SharedOptions } from '../session.ts';
import { shownTime } from '../show-request.ts';
import { type VerbContext, verb } from '../verb.ts';

interface GcOptions extends SharedOptions {
  dryRun?: boolean;
  apply?: string | true;
}

interface Named {
  artifact: string;
  version: string;
  why: string;
}

interface PlanView {
  planId: string;
  status: string;
  applyFrom: string;
  expiresAt: string;
  totals: { artifacts: number; delete: number; keep: number; bytesFreed: number };
  savings: { monthly: number; pricePerGb: number };
  delete: { artifact: string; version: string | null; digest: string; bytes: number }[];
  keep: { artifact: string; reason: string; versions: string[]; count: number; bytes: number }[];
  keepDays: number;
  warnings: string[];
  unavailable: { artifact: string; why: string }[];
  stop: { message: string } | null;
  result: {
    deleted: number;
    bytesFreed: number;
    left: Named[];
    failed: Named[];
    before: { artifacts: number; bytes: number };
    after: { artifacts: number; bytes: number };
  } | null;
  mine?: boolean;
}

export function gcVerb(context: VerbContext): Command {
  return verb<GcOptions>(context, 'gc', {
    summary: 'Shows what retention would delete, or deletes it: --dry-run, then --apply [PLAN] after the grace time',
    examples: ['gc --dry-run', 'gc --apply', 'gc --apply gc-0123456789abcdef --json'],
    run: gc,
  })
    .option('--dry-run', 'make a plan and delete nothing')
    .addOption(new Option('--apply [PLAN]', 'carry out a plan (default: my newest that has not expired)'));
}

async function gc(session: Session, _operands: string[], { dryRun, apply, artifact }: GcOptions): Promise<number> {
  if ((dryRun === true) === (apply !== undefined)) throw usageFailure('say one of --dry-run and --apply', 'greenlight gc --dry-run');
  const { client, output } = session;
  if (dryRun) {
    const { body } = await client.post<PlanView>('/v1/retention/preview', artifact === undefined ? {} : { artifact });
    const plan = await finished(session, body);
    output.document(plan);
    for (const line of planLines(output, plan)) output.line(line);
    return exitOf(output, plan);
  }
  const planId = typeof apply === 'string' ? apply : await newest(session);
  const { body } = await client.post<PlanView>('/v1/retention/apply', { planId });
  const plan = await finished(session, body);
  output.document(plan);
  for (const line of resultLines(output, plan)) output.line(line);
  return exitOf(output, plan);
}

/** A large plan goes on after the answer. */
async function finished({ client, output, around }: Session, plan: PlanView): Promise<PlanView> {
  let view = plan;
  while (view.totals === undefined || view.status === 'applying') {
    if (around.interrupted.aborted)
      throw new CommandFailure(EXIT.interrupted, `interrupted; ${view.planId} goes on`, { code: 'INTERRUPTED' });
    output.talk(view.result ? `${view.result.deleted} of ${view.totals.delete} deleted` : 'looking at the registries');
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    view = await client.get<PlanView>(`/v1/retention/plans/${encodeURIComponent(plan.planId)}`).catch((error: unknown) => {
      // A plan that is still being made is not there yet.
      if (error instanceof CommandFailure && error.details.status === 404) return plan;
      throw error;
    });
  }
  return view;
}

async function newest({ client }: Session): Promise<string> {
  const { items } = await client.get<{ items: PlanView[] }>('/v1/retention/plans', { limit: '50' });
  const plan = items.find(({ mine, status, stop }) => mine === true && (status === 'planned' || status === 'incomplete') && stop === null);
  if (plan) return plan.planId;
  throw new CommandFailure(EXIT.conflict, 'you have no plan that could be applied', {
    code: 'EXPIRED',
    hint: 'make one: greenlight gc --dry-run',
  });
}

function exitOf(output: Output, { stop, unavailable, result }: PlanView): number {
  if (stop) {
    output.talk(`SAFETY_STOP: ${oneLine(stop.message)}`);
    return EXIT.no;
  }
  for (const { artifact, why } of unavailable) output.talk(`nothing of ${oneLine(artifact)} is deleted: ${oneLine(why)}`);
  if (unavailable.length > 0) return EXIT.unavailable;
  return result && result.failed.length > 0 ? EXIT.unavailable : EXIT.done;
}

/** The report of seed 001. */
function planLines(output: Output, plan: PlanView): string[] {
  const { totals, savings } = plan;
  return [
    'Garbage Collection Plan (dry-run)',
    `Total artifacts: ${totals.artifacts}`,
    `Can delete: ${totals.delete} (not protected)`,
    `Will keep: ${totals.keep} (protected or within retention window)`,
    '',
    `Space to be freed: ${size(totals.bytesFreed)}`,
    `Estimated cost savings: $${savings.monthly.toFixed(2)}/month (at $${savings.pricePerGb}/GB)`,
    '',
    'Details:',
    ...deleteLines(plan),
    ...plan.keep.map((group) => keepLine(group, plan.keepDays)),
    ...plan.warnings.map((warning) => `  ${output.paint('warn', '⚠')} ${oneLine(warning)}`),
    '',
    plan.stop
      ? `${output.cross} SAFETY_STOP: ${oneLine(plan.stop.message)}`
      : totals.delete === 0
        ? 'Nothing to delete'
        : `To apply: greenlight gc --apply ${oneLine(plan.planId)} (from ${shownTime(plan.applyFrom)} until ${shownTime(plan.expiresAt)})`,
  ];
}

function deleteLines({ delete: units }: PlanView): string[] {
  return [...new Set(units.map(({ artifact }) => artifact))].map((artifact) => {
    const own = units.filter((unit) => unit.artifact === artifact);
    const names = own.map(({ version, digest }) => version ?? digest.slice(0, 19));
    const range = names.length > 1 ? `${oneLine(names[0]!)}-${oneLine(names.at(-1)!)}` : oneLine(names[0]!);
    const bytes = own.reduce((sum, unit) => sum + unit.bytes, 0);
    return `  Delete ${range} of ${oneLine(artifact)} (${own.length} artifact${own.length === 1 ? '' : 's'}, ${size(bytes)})`;
  });
}

const SHOWN = 4;

function keepLine({ artifact, reason, versions, count, bytes }: PlanView['keep'][number], days: number): string {
  const more = versions.length > SHOWN ? `, ... ${oneLine(versions.at(-1)!)}` : '';
  const names = `${versions.slice(0, SHOWN).map(oneLine).join(', ')}${more}`;
  if (reason === 'keep last') return `  Keep latest ${count} of ${oneLine(artifact)}: ${names}`;
  const why = reason === 'age' ? `within ${days} days` : oneLine(reason);
  return `  Keep ${names} of ${oneLine(artifact)} (${count} artifact${count === 1 ? '' : 's'}, ${size(bytes)}, ${why})`;
}

function resultLines(output: Output, plan: PlanView): string[] {
  const { result } = plan;
  if (!result) return [`Plan ${oneLine(plan.planId)} is ${oneLine(plan.status)}`];
  const { before, after } = result;
  return [
    `Garbage Collection ${oneLine(plan.status)} (${oneLine(plan.planId)})`,
    `Before: ${before.artifacts} artifacts, ${size(before.bytes)}`,
    `After: ${after.artifacts} artifacts, ${size(after.bytes)}`,
    `  ${output.tick} Deleted ${result.deleted} artifacts, ${size(result.bytesFreed)}`,
    ...result.left.map((each) => `  Kept ${oneLine(each.artifact)} ${oneLine(each.version)}: ${oneLine(each.why)}`),
    ...result.failed.map((each) => `  ${output.cross} ${oneLine(each.artifact)} ${oneLine(each.version)}: ${oneLine(each.why)}`),
  ];
}

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'];

/** Decimal units, as registries bill. */
function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${Number(value.toFixed(value < 10 && unit > 0 ? 1 : 0))} ${UNITS[unit]}`;
}
