/** `greenlight lock` and `unlock`: nothing begins or goes on in an environment until somebody says so. */
import { type Command, Option } from 'commander';
import { EXIT } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { oneLine } from '../output.ts';
import type { Session, SharedOptions } from '../session.ts';
import { type VerbContext, verb } from '../verb.ts';

interface LockView {
  environment: string;
  tenant: string | null;
  artifact: string | null;
}

interface LockOptions extends SharedOptions {
  reason?: string;
  tenant?: string;
}

export function lockVerb(context: VerbContext): Command {
  const command = verb<LockOptions & { reason: string }>(context, 'lock ENV', {
    summary: 'Lets nothing begin or go on in an environment; what fails still returns',
    examples: [
      'lock prod --reason "Incident 4711: payments are slow"',
      'lock prod --artifact payment-api --reason "Waits for the database"',
      'lock staging --reason "Load test until six" --json',
    ],
    run: (session, [environment], options) => change(session, 'lock', environment!, options.reason, options),
  });
  return command.addOption(new Option('--reason <TEXT>', 'why').argParser(notEmpty).makeOptionMandatory()).addOption(tenantOption());
}

export function unlockVerb(context: VerbContext): Command {
  const command = verb<LockOptions>(context, 'unlock ENV', {
    summary: 'Ends a lock; what waited for it goes on',
    examples: ['unlock prod', 'unlock prod --artifact payment-api', 'unlock prod --reason "Incident 4711 is over"'],
    run: (session, [environment], options) =>
      change(session, 'unlock', environment!, options.reason ?? 'unlocked on the command line', options),
  });
  return command.addOption(new Option('--reason <TEXT>', 'why').argParser(notEmpty)).addOption(tenantOption());
}

function tenantOption(): Option {
  return new Option('--tenant <NAME>', 'whose artifacts (default: all that you reach)').argParser(notEmpty);
}

/** The artifact counts only where it is written: a lock that a file in the folder makes narrower than it looks would be none. */
async function change(
  { client, output }: Session,
  verb: 'lock' | 'unlock',
  environment: string,
  reason: string,
  { artifact, tenant }: LockOptions,
): Promise<number> {
  const body = { reason, ...(artifact === undefined ? {} : { artifact }), ...(tenant === undefined ? {} : { tenant }) };
  const answer = await client.post<LockView>(`/v1/environments/${encodeURIComponent(environment)}/${verb}`, body);
  const lock = answer.body;
  output.document(lock);
  const what = lock.artifact ?? (lock.tenant === null ? 'everything' : `everything of ${lock.tenant}`);
  output.line(`  ${output.tick} ${verb === 'lock' ? 'Locked' : 'Unlocked'} ${oneLine(lock.environment)} (${oneLine(what)})`);
  return EXIT.done;
}
