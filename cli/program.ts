/** All verbs. What is not listed here does not exist: an unknown word is refused with this list. */
import { Command } from 'commander';
import { approvalVerb, explainVerb } from './commands/approval-status.ts';
import { auditVerb } from './commands/audit-verify.ts';
import { clusterVerb } from './commands/cluster.ts';
import { configVerb } from './commands/config-check.ts';
import { approveVerb, cancelVerb, denyVerb } from './commands/decide.ts';
import { delegationVerb } from './commands/delegation.ts';
import { gcVerb } from './commands/gc.ts';
import { inboxVerb } from './commands/inbox.ts';
import { lifecycleVerb, quarantineVerb } from './commands/lifecycle.ts';
import { lockVerb, unlockVerb } from './commands/lock.ts';
import { muteVerb, unmuteVerb } from './commands/mute.ts';
import { policyVerb } from './commands/policy.ts';
import { promoteVerb } from './commands/promote.ts';
import { publishVerb } from './commands/publish.ts';
import { receiptVerb, verifyReceiptVerb } from './commands/receipt.ts';
import { reviewVerb } from './commands/review.ts';
import { abortVerb, rollbackVerb } from './commands/rollback.ts';
import { loginVerb, whoamiVerb } from './commands/sign-in.ts';
import { statsVerb } from './commands/stats.ts';
import { listVerb, statusVerb } from './commands/status.ts';
import { subscriptionVerb } from './commands/subscription.ts';
import { tagVerb } from './commands/tag.ts';
import { tokenVerb } from './commands/token.ts';
import { availableUpdatesVerb, updateVerb } from './commands/updates.ts';
import { repairVerb, verifyCopyVerb } from './commands/verify-copy.ts';
import { withoutTokens } from './output.ts';
import type { VerbContext } from './verb.ts';

const NOTES = `
Environment: GREENLIGHT_API, GREENLIGHT_TOKEN; without them --data DIR (default ./.greenlight) and --as NAME. NO_COLOR switches colours off.
Exit codes: 0 done · 1 the answer is no · 2 usage or invalid input · 3 not signed in or not allowed · 4 conflict or expired · 5 timed out
            6 server unavailable · 130 interrupted (a promotion goes on)
`;

/** A fresh program: commander keeps the options of its last run. */
export function createProgram(context: VerbContext): Command {
  const program = new Command('greenlight').description('Promotes releases from one environment to the next').addHelpText('after', NOTES);
  for (const make of [
    publishVerb,
    promoteVerb,
    repairVerb,
    verifyCopyVerb,
    approveVerb,
    denyVerb,
    approvalVerb,
    explainVerb,
    inboxVerb,
    delegationVerb,
    reviewVerb,
    cancelVerb,
    abortVerb,
    rollbackVerb,
    lockVerb,
    unlockVerb,
    statusVerb,
    statsVerb,
    listVerb,
    tagVerb,
    lifecycleVerb,
    quarantineVerb,
    gcVerb,
    availableUpdatesVerb,
    updateVerb,
    auditVerb,
    receiptVerb,
    verifyReceiptVerb,
    configVerb,
    policyVerb,
    clusterVerb,
    subscriptionVerb,
    muteVerb,
    unmuteVerb,
    tokenVerb,
    loginVerb,
    whoamiVerb,
  ]) {
    program.addCommand(make(context));
  }
  for (const command of everyCommand(program)) {
    command
      // What stands after a verb is the verb's, also where the verb above it has an option of that name: `token create X --as NAME`.
      .enablePositionalOptions()
      .helpCommand(false)
      .exitOverride()
      .showHelpAfterError(true)
      .configureOutput({
        writeOut: (text) => context.around.stdout.write(text),
        writeErr: (text) => context.around.stderr.write(withoutTokens(text)),
        getOutHelpWidth: () => context.around.stdout.columns ?? 100,
        getErrHelpWidth: () => 100,
      });
  }
  return program;
}

function everyCommand(command: Command): Command[] {
  return [command, ...command.commands.flatMap(everyCommand)];
}
