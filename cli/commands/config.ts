/** `greenlight config show|diff|propose|approve`: later versions of the configuration. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { EXIT, usageFailure } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { type Output, oneLine } from '../output.ts';
import type { Session, SharedOptions } from '../session.ts';
import { shownTime } from '../show-request.ts';
import { type VerbContext, verb } from '../verb.ts';

interface VersionView {
  version: string;
  base: string;
  state: string;
  needsReview: boolean;
  proposedBy: string;
  proposedAt: string;
  approvedBy?: string;
  difference?: { path: string; before: unknown; after: unknown }[];
  warnings?: string[];
}

interface ConfigView {
  version: string;
  deployed: string;
  versions: VersionView[];
  configuration?: unknown;
}

export function configShowVerb(context: VerbContext): Command {
  return verb<SharedOptions>(context, 'show', {
    summary: 'Shows which version of the configuration is in force, and what is proposed',
    examples: ['config show', 'config show --json', 'config show --as admin@example.com'],
    run: async ({ client, output }) => {
      const config = await client.get<ConfigView>('/v1/config');
      output.document(config);
      output.line(`In force: ${oneLine(config.version)}${config.version === config.deployed ? ' (the deployed file)' : ''}`);
      for (const version of config.versions) output.line(lineOf(version));
      return EXIT.done;
    },
  });
}

export function configDiffVerb(context: VerbContext): Command {
  return verb<SharedOptions>(context, 'diff FILE', {
    summary: 'Shows what a file would change of what is in force; stores nothing',
    examples: ['config diff greenlight.yaml', 'config diff greenlight.yaml --json', 'config diff next.yaml --as admin@example.com'],
    run: async (session, [file]) => {
      const { body } = await send(session, file!, 'a look at the difference', { store: 'false' });
      session.output.document(body);
      show(session.output, body);
      return EXIT.done;
    },
  });
}

export function configProposeVerb(context: VerbContext): Command {
  return verb<SharedOptions & { reason: string }>(context, 'propose FILE', {
    summary: 'Proposes a version; what holds for production needs the word of a second person',
    examples: [
      'config propose greenlight.yaml --reason "Freeze for the audit"',
      'config propose next.yaml --reason "A third canary step"',
      'config propose greenlight.yaml --reason "New team" --json',
    ],
    run: async (session, [file], { reason }) => {
      const { body } = await send(session, file!, reason, {});
      const { output } = session;
      output.document(body);
      show(output, body);
      output.line(
        body.state === 'in_force'
          ? `  ${output.tick} In force: ${oneLine(body.version)}`
          : `  Proposed. Another person who may edit policies has to agree: greenlight config approve ${oneLine(body.version)}`,
      );
      return EXIT.done;
    },
  }).addOption(new Option('--reason <TEXT>', 'why').argParser(notEmpty).makeOptionMandatory());
}

export function configApproveVerb(context: VerbContext): Command {
  return verb<SharedOptions>(context, 'approve HASH', {
    summary: 'Agrees to a version that somebody else has proposed: it is in force at once',
    examples: ['config approve sha256:…', 'config approve sha256:… --json', 'config approve sha256:… --as policy@example.com'],
    run: async ({ client, output }, [hash]) => {
      const { body } = await client.post<VersionView>(`/v1/config/${encodeURIComponent(hash!)}/approve`, {});
      output.document(body);
      output.line(`  ${output.tick} In force: ${oneLine(body.version)}`);
      return EXIT.done;
    },
  });
}

function send({ client, around }: Session, file: string, reason: string, query: Record<string, string>) {
  let text: string;
  try {
    text = readFileSync(resolve(around.cwd, file), 'utf8');
  } catch (error) {
    throw usageFailure(`cannot read ${file} (${(error as NodeJS.ErrnoException).code})`);
  }
  return client.post<VersionView>('/v1/config', { text, reason }, query);
}

function show(output: Output, { difference = [], warnings = [], needsReview }: VersionView): void {
  for (const { path, before, after } of difference)
    output.line(`  ${oneLine(path)}: ${oneLine(JSON.stringify(before))} → ${oneLine(JSON.stringify(after))}`);
  for (const warning of warnings) output.line(`${output.paint('warn', '⚠')} ${oneLine(warning)}`);
  if (needsReview) output.talk('this concerns production: a second person has to agree');
}

function lineOf({ version, state, proposedBy, proposedAt, approvedBy }: VersionView): string {
  const by = approvedBy === undefined ? '' : `, approved by ${oneLine(approvedBy)}`;
  return `${oneLine(version)}  ${oneLine(state.replaceAll('_', ' '))}  ${shownTime(proposedAt)} by ${oneLine(proposedBy)}${by}`;
}
