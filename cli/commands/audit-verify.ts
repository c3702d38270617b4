/** `greenlight audit verify`: whether a log is whole and unedited, without a network or an account. */
import { Command, Option } from 'commander';
import { type VerifyAuditOptions, verifyAudit } from '../audit/verify-audit.ts';
import { notEmpty } from '../operands.ts';
import { type VerbContext, verb } from '../verb.ts';
import { exportVerb } from './audit-export.ts';
import { holdVerb, reconcileVerb, recoverHeadVerb, reindexVerb } from './audit-operate.ts';
import { proveVerb } from './audit-prove.ts';
import { searchVerb } from './audit-search.ts';
import { verifyProofVerb } from './audit-verify-proof.ts';

interface VerifyOptions {
  key: string;
  anchor?: string[];
  maxAge?: string;
  locked?: 'COMPLIANCE' | 'GOVERNANCE';
  json?: boolean;
}

export function auditVerb(context: VerbContext): Command {
  const path = (flags: string, description: string) => new Option(flags, description).argParser(notEmpty);
  const verify = verb<VerifyOptions>(context, 'verify DIR|s3://BUCKET', {
    summary: 'Verifies an audit log with its public key',
    examples: [
      'audit verify ./log --key audit.pub',
      'audit verify s3://greenlight-log --key audit.pub --max-age 65m',
      'audit verify ./log --key audit.pub --anchor checkpoint.txt --json',
    ],
    local: true,
    run: async ({ around }, [place], { key, anchor, maxAge, locked, json = false }) => {
      const options: VerifyAuditOptions = {
        place: place!,
        key,
        json,
        print: (text) => around.stdout.write(text),
        warn: (text) => around.stderr.write(text),
        ...(anchor === undefined ? {} : { anchor }),
        ...(maxAge === undefined ? {} : { maxAge }),
        ...(locked === undefined ? {} : { locked }),
      };
      return (await verifyAudit(options)).exitCode;
    },
  });
  verify
    .addOption(path('--key <FILE>', 'public key of the log (PEM)').makeOptionMandatory())
    .addOption(
      new Option('--anchor <FILE>', 'a checkpoint or receipt that was kept elsewhere; may be given several times').argParser(
        (value: string, before: string[] = []) => [...before, notEmpty(value)],
      ),
    )
    .addOption(path('--max-age <DURATION>', 'oldest checkpoint that counts, e.g. 65m'))
    .addOption(
      new Option('--locked <MODE>', 'every object of the bucket must be locked at least so').choices(['COMPLIANCE', 'GOVERNANCE']),
    );
  return new Command('audit')
    .description('Works on the audit log')
    .addCommand(verify)
    .addCommand(searchVerb(context))
    .addCommand(proveVerb(context))
    .addCommand(exportVerb(context))
    .addCommand(verifyProofVerb(context))
    .addCommand(reconcileVerb(context))
    .addCommand(holdVerb(context))
    .addCommand(recoverHeadVerb(context))
    .addCommand(reindexVerb(context));
}
