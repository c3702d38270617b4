/** `greenlight rollback`: the way back of an environment, and `greenlight abort`: that of a rollout that is in progress. */
import { type Command, Option } from 'commander';
import { CommandFailure, EXIT, usageFailure } from '../failure.ts';
import { follow } from '../follow.ts';
import { milliseconds, notEmpty } from '../operands.ts';
import { oneLine } from '../output.ts';
import {
  type EnvironmentList,
  isFinal,
  isSameVersion,
  type RequestLine,
  type RequestView,
  readAgain,
  readById,
  requestPath,
} from '../request.ts';
import type { Session, SharedOptions } from '../session.ts';
import { impactLines, type RollbackPlanView } from '../show-impact.ts';
import { addressesOf, askedLines, endLine, routeLine, shownTime } from '../show-request.ts';
import { type VerbContext, verb } from '../verb.ts';

interface RollbackOptions extends SharedOptions {
  to: string;
  analyzeImpact?: boolean;
  approve?: boolean;
  yes?: boolean;
  reason?: string;
  wait?: boolean;
  timeout: number;
}

/** What is wanted, and where. */
interface Wish {
  artifact: string;
  environment: string;
  /** Names of all environments. */
  environments: string[];
  /** Request that brought what runs there now. */
  currentRequest?: string | undefined;
  from: string;
  to: string;
  reason: string;
}

/** Phases in which the environment is being changed. */
const MOVING: ReadonlySet<string> = new Set(['promoting', 'rolling_back']);

export function rollbackVerb(context: VerbContext): Command {
  const command = verb<RollbackOptions>(context, 'rollback WORDS...', {
    summary: 'Returns an environment to a version that ran there before',
    examples: [
      'rollback 1.2.3-prod --to 1.2.2',
      'rollback 1.2.3 prod --to 1.2.2 --analyze-impact',
      'rollback 1.2.3-prod --to 1.2.2 --approve',
    ],
    run: rollback,
  });
  command.usage('[options] VERSION-ENV|VERSION ENV');
  return command
    .addOption(new Option('--to <VERSION>', 'version to return to').argParser(notEmpty).makeOptionMandatory())
    .option('--analyze-impact', 'show whom it would affect and how dangerous it is, then ask')
    .option('--approve', 'approve the open rollback, or go on with the one that is approved')
    .option('--yes', 'do not ask, and confirm a high risk')
    .addOption(new Option('--reason <TEXT>', 'why (at least 10 characters)').argParser(notEmpty))
    .option('--wait', 'wait for the approvals too')
    .addOption(new Option('--timeout <DURATION>', 'longest time to wait').argParser(milliseconds).default(3_600_000, '1h'));
}

export function abortVerb(context: VerbContext): Command {
  return verb<SharedOptions>(context, 'abort ID', {
    summary: 'Ends a rollout that is in progress: what ran before is restored',
    examples: ['abort PR-2026-0001', 'abort PR-2026-0001 --as cpi@example.com', 'abort PR-2026-0001 --json'],
    run: async ({ client, output }, [id]) => {
      const request = await readById(client, id!);
      const { body } = await client.post<RequestView>(requestPath(request, 'abort'), {});
      output.document(body);
      output.line(`  ${output.tick} Aborted ${oneLine(body.metadata.id)} (${routeLine(body)}); it is on its way back`);
      return EXIT.done;
    },
  });
}

async function rollback(session: Session, operands: string[], options: RollbackOptions): Promise<number> {
  const { client, output } = session;
  const wish = await wishOf(session, operands, options);
  const known = await newestRollback(session, wish);
  if (options.approve) return decide(session, wish, known, options);
  const open = known && !isFinal(known) ? known : undefined;
  // The report changes nothing, so it is there for who looks at what somebody else has asked for; of what moves it would be refused.
  const seen = options.analyzeImpact && !(open && MOVING.has(open.status.phase)) ? await analyze(session, wish, options) : undefined;
  if (seen === 'stop') return EXIT.done;
  if (open) {
    output.talk(`continuing ${oneLine(open.metadata.id)}, which is ${oneLine(open.status.phase.replaceAll('_', ' '))}`);
    return report(session, await follow(session, await readAgain(client, open), followHow(options)));
  }
  output.line('Initiating rollback...');
  const confirm = options.yes || seen !== undefined ? { confirm: true } : {};
  const request = await create(session, wish, { ...confirm, ...(seen === undefined ? {} : { planHash: seen.planHash }) });
  output.talk(`${oneLine(request.metadata.id)} ${routeLine(request)}`);
  return report(session, await follow(session, request, followHow(options)));
}

const followHow = ({ wait, timeout }: RollbackOptions) => ({ throughApproval: wait === true, timeout });
const pathOf = (wish: Wish, ...more: string[]): string =>
  ['/v1/environments', encodeURIComponent(wish.environment), 'rollback', ...more].join('/');

/** `VERSION ENV`, or `VERSION-ENV` as the tags of an environment are spelled. */
async function wishOf(session: Session, operands: readonly string[], { to, reason }: RollbackOptions): Promise<Wish> {
  const [first, second, ...more] = operands;
  const { items } = await session.client.get<EnvironmentList>('/v1/environments');
  const names = items.map((item) => item.environment);
  // The longest name that fits: environments may be called `prod` and `pre-prod`.
  const suffix = [...names].sort((left, right) => right.length - left.length).find((name) => first!.endsWith(`-${name}`));
  const environment = second ?? suffix;
  if (environment === undefined || more.length > 0)
    throw usageFailure(
      `cannot read "rollback ${operands.join(' ')}"`,
      'greenlight rollback VERSION ENV --to VERSION, e.g. 1.2.3 prod --to 1.2.2',
    );
  const places = items.find((item) => item.environment === environment)?.artifacts;
  return {
    artifact: session.artifact,
    environment,
    environments: names,
    currentRequest: places?.find(({ artifact }) => artifact === session.artifact)?.current?.requestId,
    from: first!,
    to,
    reason: reason ?? `Roll ${environment} back from ${first} to ${to}, requested on the command line`,
  };
}

function bodyOf({ artifact, from, to, reason }: Wish): object {
  return { artifact, from, to, reason };
}

async function create({ client }: Session, wish: Wish, more: object): Promise<RequestView> {
  try {
    return (await client.post<RequestView>(pathOf(wish), { ...bodyOf(wish), ...more })).body;
  } catch (error) {
    if (!(error instanceof CommandFailure) || error.details.code !== 'CONFIRM_IMPACT') throw error;
    const again = `greenlight rollback ${wish.from} ${wish.environment} --to ${wish.to}`;
    throw new CommandFailure(error.exitCode, error.message, {
      ...error.details,
      hint: `read it with: ${again} --analyze-impact\nthen confirm it with: ${again} --yes`,
    });
  }
}

/** The report, and whether to go on. Where nobody can be asked it stops, unless it was told not to ask. */
async function analyze(session: Session, wish: Wish, { yes, json }: RollbackOptions): Promise<RollbackPlanView | 'stop'> {
  const { client, output, around } = session;
  const { body: plan } = await client.post<RollbackPlanView>(pathOf(wish, 'preview'), bodyOf(wish));
  for (const line of impactLines(output, plan)) output.line(line);
  if (yes) return plan;
  const answer = json ? undefined : await around.ask?.('Continue? (y/n): ');
  if (answer !== undefined && /^y(es)?$/i.test(answer.trim())) return plan;
  output.document(plan);
  if (answer === undefined) output.talk('nothing was changed; the same line with --yes rolls back');
  else output.talk('nothing was changed');
  return 'stop';
}

/** `--approve`: my decision on the rollback that is open; one that has its approvals is gone on with. */
async function decide(session: Session, wish: Wish, line: RequestLine | undefined, options: RollbackOptions): Promise<number> {
  const { client, output } = session;
  const request = line && (await readAgain(client, line));
  if (!request) {
    throw new CommandFailure(EXIT.no, `no rollback of ${wish.artifact} in ${wish.environment} to ${wish.to} is open`, {
      code: 'NOT_FOUND',
      hint: `request it first: greenlight rollback ${wish.from} ${wish.environment} --to ${wish.to}`,
    });
  }
  if (request.status.phase !== 'pending_approval') {
    if (request.status.approvedAt !== undefined) output.line('Approval verified');
    return report(session, await follow(session, request, followHow(options)));
  }
  const { planHash } = request.status;
  const { body } = await client.post<RequestView>(requestPath(request, 'approve'), planHash === undefined ? {} : { planHash });
  if (body.status.phase !== 'pending_approval') output.line('Approval verified');
  return report(session, await follow(session, body, followHow(options)));
}

/** The newest rollback of the artifact to that version that is open, or has brought what runs now. */
async function newestRollback({ client }: Session, wish: Wish): Promise<RequestLine | undefined> {
  const { artifact, environment, environments, currentRequest, to } = wish;
  const { items } = await client.get<{ items: RequestLine[] }>(`/v1/requests/${encodeURIComponent(environment)}`, {
    artifact,
    limit: '100',
  });
  return items.find((request) => {
    const { spec, metadata } = request;
    if (spec.kind !== 'rollback' || !isSameVersion(spec.target.version, to, environments)) return false;
    return !isFinal(request) || metadata.id === currentRequest;
  });
}

function report({ output, local }: Session, request: RequestView): number {
  output.document(request);
  const { phase, approvals, expiresAt } = request.status;
  const { name, version, targetEnvironment: to } = request.spec.target;
  switch (phase) {
    case 'pending_approval':
      output.line(`  ${output.tick} Approval request sent to: ${addressesOf(approvals?.stages ?? []).join(', ') || 'nobody who may'}`);
      for (const line of askedLines(approvals?.stages ?? [])) output.talk(line);
      output.line(`Request ID: ${oneLine(request.metadata.id)}`);
      if (expiresAt) output.line(`Expires: ${shownTime(expiresAt)}`);
      return EXIT.done;
    case 'approved':
      output.line(`Approved; it waits on ${oneLine(request.status.waitingOn ?? 'its turn')}`);
      return EXIT.done;
    case 'succeeded': {
      const address = local?.registries[to];
      output.line(`  ${output.tick} Rolled back to ${address ? `oci://${address}/` : ''}${oneLine(name)}:${oneLine(version)}`);
      return EXIT.done;
    }
    default:
      output.line(endLine(output, request));
      return EXIT.no;
  }
}
