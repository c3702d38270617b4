/** `greenlight promote`: asks for a promotion, or continues the one that is open, and follows it. */
import { type Command, Option } from 'commander';
import type { ApiClient } from '../client.ts';
import { CommandFailure, EXIT, usageFailure } from '../failure.ts';
import { type FollowOptions, follow, resumeLine } from '../follow.ts';
import { milliseconds, nameList, notEmpty, type Route, readRoute } from '../operands.ts';
import { oneLine } from '../output.ts';
import { openRequests, type RequestView, readAgain, requestPath } from '../request.ts';
import { bodyOf, type FormOptions } from '../request-form.ts';
import type { Session, SharedOptions } from '../session.ts';
import { type PlanView, planLines, problemsIn } from '../show-plan.ts';
import { askedLines, endLine, hasPassed, isSettled, routeLine, shownTime } from '../show-request.ts';
import { type VerbContext, verb } from '../verb.ts';

export interface PromoteOptions extends FormOptions, SharedOptions {
  dryRun?: boolean;
  requestApproval?: boolean;
  wait?: boolean;
  timeout: number;
  force?: boolean;
  skipCanary?: boolean;
  reason?: string;
}

/** What create answers when the digest is there already. */
interface AlreadyThere {
  code: 'ALREADY_PROMOTED';
  detail: string;
}

export function promoteVerb(context: VerbContext): Command {
  const command = verb<PromoteOptions>(context, 'promote WORDS...', {
    summary: 'Promotes a version to the next environment: promote VERSION [FROM to|→|->] ENV',
    examples: ['promote 1.1.0 staging', 'promote 1.1.0 staging to prod --wait', 'promote v1.2.3-dev staging --dry-run'],
    run: promote,
  });
  command.usage('[options] VERSION [FROM to|→|->] ENV');
  const text = (flags: string, description: string) => new Option(flags, description).argParser(notEmpty);
  return command
    .option('--dry-run', 'show what would happen and change nothing')
    .option('--request-approval', 'ask for approval and return, whatever else is given')
    .option('--wait', 'wait for the approvals and the rollout')
    .addOption(new Option('--timeout <DURATION>', 'longest time to wait').argParser(milliseconds).default(86_400_000, '24h'))
    .addOption(new Option('--type <TYPE>', 'kind of artifact').choices(['api', 'application', 'policy']))
    .addOption(text('--justification <TEXT>', 'why (at least 20 characters)'))
    .addOption(text('--release-notes <TEXT>', 'what is new'))
    .addOption(new Option('--impact <IMPACT>', 'impact').choices(['low', 'medium', 'high', 'critical']).default('medium'))
    .addOption(text('--rollback-plan <TEXT>', 'how to undo it'))
    .addOption(text('--evidence-url <URL>', 'where the test results are'))
    .option('--force', 'waive gates that fail (break-glass): by a second person of another role, with --reason')
    .option('--skip-canary', 'go to 100 % at once (break-glass), for a request of somebody else, with --reason')
    .addOption(text('--reason <TEXT>', 'why a failed gate or the canary may be waived (at least 20 characters)'))
    .addOption(new Option('--priority <PRIORITY>', 'how soon').choices(['low', 'normal', 'high', 'urgent']))
    .addOption(text('--schedule <TIME>', 'not before, e.g. 2026-11-20T22:00:00Z'))
    .option('--staging-tests-passed', 'claim that they passed')
    .option('--security-scan-passed', 'claim that it passed')
    .option('--performance-tests-passed', 'claim that they passed')
    .addOption(new Option('--to-registries <LIST>', 'target registries, separated by commas').argParser(nameList));
}

const promote = (session: Session, operands: string[], options: PromoteOptions): Promise<number> =>
  request(session, readRoute(operands), options, operands);

/** Asks for a promotion or a repair, or goes on with the one that is open. `operands` are what the user typed, for hints. */
export async function request(session: Session, route: Route, options: PromoteOptions, operands: readonly string[]): Promise<number> {
  const body = bodyOf(session.artifact, route, { ...typeOf(session), ...options }, session.client.origin);
  if (options.dryRun) return dryRun(session, route, body);
  refuseIncompleteForce(options, operands);
  const open = await continueOpen(session, route, options);
  const found = options.skipCanary ? await skipCanary(session, open, options.reason!) : (open ?? (await create(session, route, body)));
  if ('code' in found) {
    session.output.document(found);
    session.output.line(`  ${session.output.tick} ${oneLine(found.detail)}`);
    return EXIT.done;
  }
  session.output.talk(`${found.metadata.id} ${routeLine(found)}`);
  const how = { throughApproval: options.wait === true && !options.requestApproval, timeout: options.timeout };
  const end = await follow(session, found, how);
  return report(session, options.force ? await waiveGates(session, end, options.reason!, how) : end);
}

/** Seed 001's line lacks the reason that a waiver needs: it is answered with the line to type. */
function refuseIncompleteForce({ force, skipCanary: skip, reason }: PromoteOptions, operands: readonly string[]): void {
  const flag = skip ? '--skip-canary' : '--force';
  if ((force || skip) && reason === undefined) {
    throw usageFailure(
      `${flag} needs a reason of at least 20 characters`,
      `greenlight promote ${operands.join(' ')} ${flag} --reason "INCIDENT: why ${skip ? 'nobody can wait for the canary' : 'the gate may fail'}"`,
    );
  }
  if (!force && !skip && reason !== undefined)
    throw usageFailure('--reason belongs to --force and --skip-canary', 'use --justification to say why it is promoted');
}

/** Only a second person skips a canary, so there must be a request already. */
async function skipCanary({ client, output }: Session, open: RequestView | undefined, reason: string): Promise<RequestView> {
  if (!open)
    throw usageFailure('no request for this version is open', 'a canary is skipped by a second person: let somebody else request it first');
  const { body } = await client.post<RequestView>(requestPath(open, 'break-glass'), { gate: 'skip_canary', reason });
  output.line('  ! Canary skipped: the plan goes to 100 % at once and is approved anew; a review is open: greenlight review list');
  return body;
}

/** Waives one failed gate after the other: each waiver runs the gates again, and what still fails is the next one. */
async function waiveGates(session: Session, blocked: RequestView, reason: string, how: FollowOptions): Promise<RequestView> {
  let request = blocked;
  const tried = new Set<string>();
  while (request.status.phase === 'blocked') {
    const gate = (request.status.gates ?? []).find((each) => isSettled(each) && !hasPassed(each) && !tried.has(each.name));
    if (!gate) return request;
    tried.add(gate.name);
    const { body } = await session.client.post<RequestView>(requestPath(request, 'break-glass'), { gate: gate.name, reason });
    session.output.line(`  ! Gate ${oneLine(gate.name)} waived for a day; a review is open: greenlight review list`);
    request = await follow(session, body, how);
  }
  return request;
}

function typeOf({ configured, artifact }: Session): Pick<FormOptions, 'type'> {
  const type = configured[artifact]?.type;
  return type === undefined ? {} : { type };
}

async function dryRun({ client, output }: Session, route: Route, body: object): Promise<number> {
  const { body: plan } = await client.post<PlanView>(`/v1/requests/${encodeURIComponent(route.to)}/preview`, body, { store: 'false' });
  output.document(plan);
  for (const line of planLines(output, plan, route)) output.line(line);
  return problemsIn(plan).length === 0 ? EXIT.done : EXIT.no;
}

/** The open request for the same version and place, moved on where it waits for the requester. */
async function continueOpen(
  { client, artifact, output }: Session,
  route: Route,
  { force, skipCanary: skip, kind }: PromoteOptions,
): Promise<RequestView | undefined> {
  const open = await openRequests(client, artifact, route.version, route.to);
  const [line, ...others] = open.filter(({ spec }) => spec.kind === kind);
  if (!line) return undefined;
  if (others.length > 0) output.talk(`${others.length + 1} requests are open; continuing the newest`);
  const request = await readAgain(client, line);
  const { phase, waitingOn } = request.status;
  output.talk(`continuing ${request.metadata.id}, which is ${oneLine(phase.replaceAll('_', ' '))}`);
  if (skip) return request;
  // Its gates have run: what failed is waived next.
  if (phase === 'blocked' && force) return request;
  if (phase === 'blocked') return act(client, request, 'retry');
  if (phase !== 'approved' || waitingOn !== 'confirm') return request;
  output.line('Approval verified');
  return act(client, request, 'execute');
}

async function act(client: ApiClient, request: RequestView, what: 'retry' | 'execute'): Promise<RequestView> {
  return (await client.post<RequestView>(requestPath(request, what), {})).body;
}

/** Where a preview is demanded first, it is made and shown. */
async function create({ client, output }: Session, route: Route, body: object): Promise<RequestView | AlreadyThere> {
  const path = `/v1/requests/${encodeURIComponent(route.to)}`;
  try {
    return (await client.post<RequestView | AlreadyThere>(path, body)).body;
  } catch (error) {
    if (!(error instanceof CommandFailure) || error.details.code !== 'PREVIEW_REQUIRED') throw error;
    const { body: plan } = await client.post<PlanView & { previewRef: string }>(`${path}/preview`, body);
    for (const line of planLines(output, plan, route)) output.talk(line);
    return (await client.post<RequestView>(path, { ...body, previewRef: plan.previewRef })).body;
  }
}

/** How following ended, in words, and the exit code. */
function report({ output, local }: Session, request: RequestView): number {
  output.document(request);
  const { phase, waitingOn, approvals, expiresAt } = request.status;
  switch (phase) {
    case 'pending_approval':
      output.line('Approval request sent to:');
      for (const line of askedLines(approvals?.stages ?? [])) output.line(line);
      output.line(`Request ID: ${oneLine(request.metadata.id)}`);
      if (expiresAt) output.line(`Expires: ${shownTime(expiresAt)}`);
      output.talk(`follow it with: ${resumeLine(request)}`);
      return EXIT.done;
    case 'approved':
      output.line(
        waitingOn === 'confirm'
          ? 'Approved; it starts by the same command again'
          : `Approved; it waits on ${oneLine(waitingOn ?? 'its turn')}`,
      );
      output.line(`Request ID: ${oneLine(request.metadata.id)}`);
      return EXIT.done;
    case 'succeeded':
      output.line(`${endLine(output, request)}${placeOf(request, local?.registries)}`);
      return EXIT.done;
    default:
      output.line(endLine(output, request));
      if (phase === 'blocked') {
        output.talk(`fix it, then: ${resumeLine(request)}`);
        const { version, targetEnvironment } = request.spec.target;
        output.talk(
          `To override: greenlight promote --force ${oneLine(version)} ${oneLine(targetEnvironment)} --reason TEXT, by a second person`,
        );
      }
      return EXIT.no;
  }
}

/** ` (oci://registry/name@digest)`, where the registry's address is known. */
function placeOf({ spec: { target }, status }: RequestView, registries: Record<string, string> = {}): string {
  const address = registries[target.targetEnvironment];
  return address && status.digest ? ` (oci://${address}/${oneLine(target.name)}@${oneLine(status.digest)})` : '';
}
