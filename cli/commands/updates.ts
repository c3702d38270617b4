/** `greenlight available-updates` and `greenlight update`: newer versions of the artifact that this folder's floe.yaml builds on. */
import { type Command, Option } from 'commander';
import { type ConsumerFile, readConsumerFile } from '../consumer-file.ts';
import { CommandFailure, EXIT } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { type Output, oneLine } from '../output.ts';
import type { Session, SharedOptions } from '../session.ts';
import { type VerbContext, verb } from '../verb.ts';

interface UpdateOptions extends SharedOptions {
  file?: string;
  constraint?: string;
  environment?: string;
}

interface UpdateView {
  version: string;
  digest: string;
  publishedAt: string | null;
  step: string;
  environments: string[];
  lifecycle: string;
}

interface UpdateListView {
  artifact: string;
  constraint: string;
  current: { version: string } | null;
  updates: UpdateView[];
  recommended: (UpdateView & { compatibility: { status: string; why: string } | null }) | null;
}

export function availableUpdatesVerb(context: VerbContext): Command {
  return withOptions(
    verb<UpdateOptions>(context, 'available-updates', {
      summary: 'Lists newer versions of the artifact that floe.yaml in this folder builds on',
      examples: ['available-updates', 'available-updates --environment prod', 'available-updates --constraint ">=v1.0.0,<v2.0.0" --json'],
      run: async (session, _operands, options) => {
        const { file, list } = await find(session, options);
        session.output.document({ ...list, file: file.name });
        for (const line of updateLines(session.output, file, list)) session.output.line(line);
        return EXIT.done;
      },
    }),
  );
}

export function updateVerb(context: VerbContext): Command {
  return withOptions(
    verb<UpdateOptions>(context, 'update', {
      summary: 'Moves floe.yaml in this folder to the newest version that its constraint takes; comments stay',
      examples: ['update', 'update --environment prod', 'update --constraint v1.*.*'],
      run: update,
    }),
  );
}

function withOptions(command: Command): Command {
  return command
    .addOption(new Option('--file <FILE>', 'the file (default: floe.yaml, then manifest.yaml)').argParser(notEmpty))
    .addOption(new Option('--constraint <CONSTRAINT>', 'instead of the one in the file').argParser(notEmpty))
    .addOption(new Option('--environment <ENV>', 'only versions that succeeded there').argParser(notEmpty));
}

async function find(session: Session, options: UpdateOptions): Promise<{ file: ConsumerFile; list: UpdateListView }> {
  const file = readConsumerFile(session.around.cwd, options.file, options.constraint);
  const artifact = options.artifact ?? file.artifact;
  const list = await session.client.get<UpdateListView>(`/v1/artifacts/${encodeURIComponent(artifact)}/updates`, {
    constraint: file.constraint,
    ...(file.current === undefined ? {} : { current: file.current }),
    ...(options.environment === undefined ? {} : { environment: options.environment }),
  });
  return { file, list };
}

function updateLines(output: Output, file: ConsumerFile, { constraint, updates, recommended }: UpdateListView): string[] {
  const last = new Map(updates.map(({ step, version }) => [step, version]));
  const rows = updates.map(({ version, step, publishedAt, lifecycle }) => {
    const facts = [step, ...(publishedAt ? [oneLine(publishedAt).slice(0, 10)] : []), ...(lifecycle === 'active' ? [] : [lifecycle])];
    const mark = last.get(step) === version && file.current !== undefined ? ` ← Latest ${oneLine(step)}` : '';
    return `  ${oneLine(version)} (${facts.map(oneLine).join(', ')})${mark}`;
  });
  return [
    `Current: ${file.current ?? `not recorded in ${oneLine(file.name)}`}`,
    `Constraint: ${oneLine(constraint)}`,
    ...(rows.length === 0 ? ['Available updates: none'] : ['Available updates:', ...rows]),
    recommended === null
      ? 'Recommended: nothing to do'
      : `Recommended: upgrade to ${oneLine(recommended.version)} (${breakingOf(output, recommended)})`,
  ];
}

function breakingOf(output: Output, { compatibility }: NonNullable<UpdateListView['recommended']>): string {
  if (compatibility === null) return 'the first version that is recorded';
  if (compatibility.status === 'compatible') return 'no breaking changes';
  return output.paint('warn', oneLine(compatibility.why));
}

async function update(session: Session, _operands: string[], options: UpdateOptions): Promise<number> {
  const { file, list } = await find(session, options);
  const { output } = session;
  const { recommended } = list;
  const isSame = recommended !== null && recommended.version.replace(/^v/, '') === file.current?.replace(/^v/, '');
  if (recommended === null || isSame) {
    output.document({ ...list, file: file.name, updated: false });
    output.line(`${oneLine(file.name)} has the newest version that ${oneLine(list.constraint)} takes: ${file.current ?? 'none is known'}`);
    return EXIT.done;
  }
  const version = oneLine(recommended.version);
  output.line(`Updating from ${file.current ?? 'nothing'} to ${version}...`);
  output.line(`  ${output.tick} Pulled ${version}`);
  const { compatibility } = recommended;
  if (compatibility?.status === 'incompatible') {
    output.line(`  ${output.cross} Schema compatibility: ${oneLine(compatibility.why)}`);
    throw new CommandFailure(EXIT.no, `${version} may break what this folder builds: ${oneLine(compatibility.why)}; nothing was changed`, {
      code: 'INCOMPATIBLE',
      hint: 'change what builds on it first, then write the version into the file yourself; or narrow the constraint',
    });
  }
  output.line(`  ${output.tick} Validated schema compatibility${compatibility ? '' : ' (nothing was recorded to compare with)'}`);
  file.save(recommended.version, recommended.digest);
  output.line(`  ${output.tick} Updated ${oneLine(file.name)}`);
  output.document({ ...list, file: file.name, updated: true });
  return EXIT.done;
}
