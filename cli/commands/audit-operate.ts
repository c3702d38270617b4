/** Verbs for those who run a deployment, with AWS credentials of their own: nothing in the stack may do what they do. */
import { type Command, Option } from 'commander';
import { holdRange, reconcileLog, recoverHeadFrom, reindexFrom } from '../../adapters/audit/operations.ts';
import type { Verdict } from '../../core/audit/verify-log.ts';
import { auditFailure } from '../audit/audit-failure.ts';
import { readKey, WrongUse } from '../audit/read-key.ts';
import { CommandFailure, EXIT } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { oneLine } from '../output.ts';
import { type VerbContext, verb } from '../verb.ts';

const option = (flags: string, description: string) => new Option(flags, description).argParser(notEmpty);
const key = () => option('--key <FILE>', 'public key of the log (PEM)').makeOptionMandatory();
const table = () => option('--table <NAME>', 'state table').makeOptionMandatory();

function refuseInvalid({ invalid }: Verdict): void {
  if (invalid) throw new CommandFailure(EXIT.no, `the log is INVALID, ${invalid.reason}: ${invalid.detail}`, { code: invalid.reason });
}

/** Errors become exit codes of the contract. */
async function settled<Value>(work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (error) {
    throw auditFailure(error);
  }
}

export function reconcileVerb(context: VerbContext): Command {
  return verb<{ key: string; table: string }>(context, 'reconcile DIR|s3://BUCKET', {
    summary: 'Holds the log against the state table: is the last event of every request there',
    examples: [
      'audit reconcile s3://greenlight-log --key audit.pub --table greenlight-state',
      'audit reconcile s3://greenlight-log --key audit.pub --table greenlight-state --json',
      'AWS_PROFILE=auditor audit reconcile s3://greenlight-log --key audit.pub --table greenlight-state',
    ],
    local: true,
    run: async ({ output }, [place], options) => {
      const { verdict, differences } = await settled(async () => reconcileLog(place!, await readKey(options.key), options.table));
      refuseInvalid(verdict);
      output.document({ agrees: differences.length === 0, size: verdict.size, differences });
      for (const { rid, kind, detail } of differences) output.line(`${oneLine(rid)}  ${kind}  ${detail}`);
      if (differences.length === 0) output.line(`The log of ${verdict.size} lines and the table agree.`);
      return differences.length === 0 ? EXIT.done : EXIT.no;
    },
  })
    .addOption(key())
    .addOption(table());
}

export function holdVerb(context: VerbContext): Command {
  return verb<{ release?: boolean }>(context, 'hold s3://BUCKET FROM..TO', {
    summary: 'Puts the objects that hold these lines under a legal hold, which has no end',
    examples: [
      'audit hold s3://greenlight-log 1200..1260',
      'audit hold s3://greenlight-log 1200..1260 --release',
      'AWS_PROFILE=records audit hold s3://greenlight-log 0..98 --json',
    ],
    local: true,
    run: async ({ output }, [place, range], { release = false }) => {
      const names = await settled(() => hold(place!, range!, !release));
      output.document({ held: !release, objects: names });
      for (const name of names) output.line(`${release ? 'released' : 'held'}  ${name}`);
      return EXIT.done;
    },
  }).addOption(new Option('--release', 'lift the hold again'));
}

async function hold(place: string, range: string, isOn: boolean): Promise<string[]> {
  const [, bucket, prefix = ''] = /^s3:\/\/([^/]+)(?:\/(.*))?$/.exec(place) ?? [];
  if (bucket === undefined) throw new WrongUse('only a bucket can hold objects: give s3://BUCKET');
  const [, from, to] = /^(\d{1,15})\.\.(\d{1,15})$/.exec(range) ?? [];
  if (from === undefined || Number(to) < Number(from))
    throw new WrongUse(`give the first and the last line, e.g. 1200..1260, not ${range}`);
  const names = await holdRange(bucket, prefix, { from: Number(from), to: Number(to) }, isOn);
  if (names.length === 0) throw new WrongUse(`the log has no lines ${range}`);
  return names;
}

export function reindexVerb(context: VerbContext): Command {
  return verb<{ key: string; table: string; dryRun?: boolean }>(context, 'reindex DIR|s3://BUCKET', {
    summary: 'Makes search rows and tiles again from the log, and takes away what no line makes',
    examples: [
      'audit reindex s3://greenlight-log --key audit.pub --table greenlight-state',
      'audit reindex s3://greenlight-log --key audit.pub --table greenlight-state --dry-run',
      'AWS_PROFILE=admin audit reindex s3://greenlight-log --key audit.pub --table greenlight-state --json',
    ],
    local: true,
    run: async ({ output }, [place], { dryRun = false, ...options }) => {
      const { verdict, ...found } = await settled(async () => reindexFrom(place!, await readKey(options.key), options.table, dryRun));
      refuseInvalid(verdict);
      output.document({ ...found, size: verdict.size, dryRun });
      const { checked, repaired, foreign, tiles } = found;
      const isRight = repaired + foreign + tiles === 0;
      const [rows, strangers] = dryRun
        ? ['are missing or wrong', 'belong to no line']
        : ['written again', 'that belonged to no line removed'];
      output.line(
        isRight
          ? `All ${checked} rows of ${verdict.size} lines are in order.`
          : `${checked} rows of ${verdict.size} lines: ${repaired} ${rows}, ${foreign} ${strangers}, ${tiles} tiles are not stored.`,
      );
      if (tiles > 0 && !dryRun) output.talk('the sealer makes the tiles in its next runs');
      return dryRun && !isRight ? EXIT.no : EXIT.done;
    },
  })
    .addOption(key())
    .addOption(table())
    .addOption(new Option('--dry-run', 'look only; ends with 1 when something is not in order'));
}

export function recoverHeadVerb(context: VerbContext): Command {
  return verb<{ key: string; table: string }>(context, 'recover-head DIR|s3://BUCKET', {
    summary: "Computes the sealer's head from the log, after a restore of the table",
    examples: [
      'audit recover-head s3://greenlight-log --key audit.pub --table greenlight-state',
      'audit recover-head s3://greenlight-log --key audit.pub --table greenlight-state --json',
      'AWS_PROFILE=admin audit recover-head s3://greenlight-log --key audit.pub --table greenlight-state',
    ],
    local: true,
    run: async ({ output }, [place], options) => {
      const { verdict, ...recovered } = await settled(async () => recoverHeadFrom(place!, await readKey(options.key), options.table));
      refuseInvalid(verdict);
      output.document({ ...recovered, size: verdict.size, root: verdict.root });
      const { outcome, before, dropped } = recovered;
      if (outcome === 'refused')
        throw new CommandFailure(EXIT.no, `the table knows ${before} lines, the log has ${verdict.size}: its end was cut off`, {
          code: 'TAIL_CUT',
        });
      if (outcome === 'busy') throw new CommandFailure(EXIT.conflict, 'a sealer works: try again', { code: 'STATE_CONFLICT' });
      output.line(
        outcome === 'in order'
          ? `The head is in order: ${verdict.size} lines.`
          : `The head was ${before ?? 'lost'} and is ${verdict.size} now; ${dropped} rows were sealed already. Run audit reconcile next.`,
      );
      return EXIT.done;
    },
  })
    .addOption(key())
    .addOption(table());
}
