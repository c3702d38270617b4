/** `greenlight verify-copy`: what each registry of an environment has of a version; `greenlight repair`: copies again what they lack. */
import { type Command, Option } from 'commander';
import { type MissingPart, missingLine } from '../../core/registry/copy-comparison.ts';
import { EXIT } from '../failure.ts';
import { milliseconds, nameList, notEmpty } from '../operands.ts';
import { type Output, oneLine } from '../output.ts';
import type { SharedOptions } from '../session.ts';
import { type VerbContext, verb } from '../verb.ts';
import { type PromoteOptions, request } from './promote.ts';

interface CopyReport {
  artifact: string;
  environment: string;
  version: string;
  digest: string;
  complete: boolean;
  registries: {
    name: string;
    role: string;
    complete: boolean;
    targetRoot?: string;
    manifests?: number;
    blobs?: number;
    missing: MissingPart[];
    failure?: { code: string; message: string };
  }[];
}

/** Missing parts that are shown for each registry; `--json` has all. */
const SHOWN_PARTS = 20;

export function verifyCopyVerb(context: VerbContext): Command {
  return verb<SharedOptions>(context, 'verify-copy VERSION ENV', {
    summary: 'Compares what each registry of an environment has of a version with its source, part by part',
    examples: ['verify-copy 1.1.0 prod', 'verify-copy v1.2.3 staging --artifact payment-api', 'verify-copy 1.1.0 prod --json'],
    run: async ({ client, artifact, output }, [version, environment]) => {
      const path = `/v1/environments/${encodeURIComponent(environment!)}/copies`;
      const report = await client.get<CopyReport>(path, { artifact, version: version! });
      output.document(report);
      for (const line of reportLines(output, report)) output.line(line);
      if (report.complete) return EXIT.done;
      // What could not be compared is no answer, and nothing to repair.
      if (report.registries.every(({ complete, failure }) => complete || failure?.code === 'UNAVAILABLE')) return EXIT.unavailable;
      output.talk(
        `repair it: greenlight repair ${oneLine(report.version)} ${oneLine(report.environment)} --artifact ${oneLine(report.artifact)}`,
      );
      return EXIT.no;
    },
  });
}

function reportLines(output: Output, report: CopyReport): string[] {
  return [
    `${oneLine(report.artifact)} ${oneLine(report.version)} in ${oneLine(report.environment)} (${oneLine(report.digest)})`,
    ...report.registries.flatMap(({ name, role, complete, manifests = 0, blobs = 0, targetRoot, missing, failure }) => {
      const registry = `${oneLine(role)} registry ${oneLine(name)}`;
      if (complete)
        return [`  ${output.tick} ${registry}: ${manifests} manifests and ${blobs} blobs as at the source (${oneLine(targetRoot ?? '')})`];
      if (failure) return [`  ${output.cross} ${registry}: cannot be compared: ${oneLine(failure.message)}`];
      const more = missing.length > SHOWN_PARTS ? [`      … and ${missing.length - SHOWN_PARTS} more`] : [];
      return [
        `  ${output.cross} ${registry}: ${missing.length} of its parts are missing or different`,
        ...missing.slice(0, SHOWN_PARTS).map((part) => `      ${oneLine(missingLine(part))}`),
        ...more,
      ];
    }),
  ];
}

export function repairVerb(context: VerbContext): Command {
  const text = (flags: string, description: string) => new Option(flags, description).argParser(notEmpty);
  return verb<PromoteOptions>(context, 'repair VERSION ENV', {
    summary: 'Requests that what the registries of an environment lack of a version is copied again; nothing that runs changes',
    examples: ['repair 1.1.0 prod', 'repair 1.1.0 prod --to-registries secondary --wait', 'repair 1.1.0 prod --json'],
    run: (session, [version, environment], options) =>
      request(session, { version: version!, to: environment! }, { ...options, kind: 'repair' }, [version!, environment!]),
  })
    .option('--wait', 'wait for the approvals and the copy')
    .addOption(new Option('--timeout <DURATION>', 'longest time to wait').argParser(milliseconds).default(86_400_000, '24h'))
    .addOption(text('--justification <TEXT>', 'why (at least 20 characters)'))
    .addOption(new Option('--impact <IMPACT>', 'impact').choices(['low', 'medium', 'high', 'critical']).default('low'))
    .addOption(new Option('--to-registries <LIST>', 'only these registries, separated by commas').argParser(nameList));
}
