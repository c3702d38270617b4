/** `greenlight approve`, `deny` and `cancel`: a person's word on an open request. */
import { type Command, Option } from 'commander';
import { CommandFailure, EXIT, usageFailure } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { oneLine } from '../output.ts';
import { isRequestId, openRequests, type RequestView, readAgain, readById, requestPath } from '../request.ts';
import type { Session, SharedOptions } from '../session.ts';
import { routeLine } from '../show-request.ts';
import { type VerbContext, verb } from '../verb.ts';

export function approveVerb(context: VerbContext): Command {
  return verb<{ comment?: string }>(context, 'approve ID|VERSION [ENV]', {
    summary: 'Approves a request as it stands now',
    examples: ['approve PR-2026-0001', 'approve 1.1.0 prod', 'approve PR-2026-0001 --comment "reviewed with the payments team"'],
    run: async (session, operands, { comment }) => {
      const request = await find(session, operands);
      return say(session, request, 'approve', { ...planOf(request), ...(comment === undefined ? {} : { comment }) }, 'Approved');
    },
  }).addOption(new Option('--comment <TEXT>', 'what is shown with the approval').argParser(notEmpty));
}

export function denyVerb(context: VerbContext): Command {
  return verb<{ reason: string }>(context, 'deny ID|VERSION [ENV]', {
    summary: 'Rejects a request, with a reason',
    examples: [
      'deny PR-2026-0001 --reason "the migration is not reversible"',
      'deny 1.1.0 prod --reason "freeze until Monday"',
      'deny 1.1.0 --reason "superseded by 1.1.1" --json',
    ],
    run: async (session, operands, { reason }) => {
      const request = await find(session, operands);
      return say(session, request, 'reject', { ...planOf(request), reason }, 'Rejected');
    },
  }).addOption(new Option('--reason <TEXT>', 'why (at least 10 characters)').argParser(notEmpty).makeOptionMandatory());
}

export function cancelVerb(context: VerbContext): Command {
  return verb<SharedOptions>(context, 'cancel ID', {
    summary: 'Withdraws a request that has not begun',
    examples: ['cancel PR-2026-0001', 'cancel PR-2026-0001 --as dev@example.com', 'cancel PR-2026-0001 --json'],
    run: async (session, [id]) => say(session, await readById(session.client, id!), 'cancel', {}, 'Cancelled'),
  });
}

/** The decision is on the plan that was just read: had it changed since, the server refuses. */
function planOf({ status }: RequestView): { planHash?: string } {
  return status.planHash === undefined ? {} : { planHash: status.planHash };
}

async function say({ client, output }: Session, request: RequestView, action: string, body: object, word: string): Promise<number> {
  const { body: after } = await client.post<RequestView>(requestPath(request, action), body);
  output.document(after);
  output.line(
    `  ${output.tick} ${word} ${oneLine(after.metadata.id)} (${routeLine(after)}); it is ${oneLine(after.status.phase.replaceAll('_', ' '))} now`,
  );
  return EXIT.done;
}

async function find(session: Session, [target, environment]: string[]): Promise<RequestView> {
  const { client } = session;
  if (isRequestId(target!)) {
    const request = await readById(client, target!);
    if (environment !== undefined && request.spec.target.targetEnvironment !== environment) {
      throw new CommandFailure(EXIT.no, `${target} is not a request for ${environment}`, { code: 'NOT_FOUND' });
    }
    return request;
  }
  const found = (await openRequests(client, session.artifact, target!, environment)).filter(({ status }) => status.phase !== 'promoting');
  if (found.length > 1) {
    const ids = found.map((request) => `${oneLine(request.metadata.id)} (${routeLine(request)})`);
    throw usageFailure(`${found.length} requests fit: ${ids.join(', ')}`, 'name one of them by its id');
  }
  if (!found[0]) {
    throw new CommandFailure(
      EXIT.no,
      `no request of ${session.artifact} ${target}${environment === undefined ? '' : ` for ${environment}`} is open`,
      {
        code: 'NOT_FOUND',
        hint: 'greenlight status shows what is pending',
      },
    );
  }
  return readAgain(client, found[0]);
}
