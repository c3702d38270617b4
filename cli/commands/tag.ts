/** `greenlight tag`: whether the tags of a version in an environment name what they should; what is missing is repaired, nothing is ever moved. */
import { type Command, Option } from 'commander';
import { CommandFailure, EXIT } from '../failure.ts';
import { milliseconds } from '../operands.ts';
import { oneLine } from '../output.ts';
import type { Session, SharedOptions } from '../session.ts';
import { type VerbContext, verb } from '../verb.ts';
import { request } from './promote.ts';

interface TagOptions extends SharedOptions {
  check?: boolean;
  wait?: boolean;
  timeout: number;
}

interface TagReport {
  artifact: string;
  version: string;
  digest: string;
  complete: boolean;
  registries: {
    name: string;
    tags: { tag: string; digest: string | null; state: 'right' | 'missing' | 'wrong' }[];
    immutability: { enforced: boolean; problem?: string } | null;
  }[];
}

export function tagVerb(context: VerbContext): Command {
  return verb<TagOptions>(context, 'tag VERSION ENV', {
    summary: 'Repairs the tags VERSION-ENV and latest-ENV where the environment says what they are; they are never assigned by hand',
    examples: ['tag 1.1.0 prod', 'tag v1.2.3 staging --check', 'tag 1.1.0 prod --wait --json'],
    run: tag,
  })
    .option('--check', 'only look')
    .option('--wait', 'wait for the approvals and the repair')
    .addOption(new Option('--timeout <DURATION>', 'longest time to wait').argParser(milliseconds).default(86_400_000, '24h'));
}

async function tag(session: Session, [version, environment]: string[], options: TagOptions): Promise<number> {
  const { client, artifact, output } = session;
  const path = `/v1/environments/${encodeURIComponent(environment!)}/tags`;
  const report = await client.get<TagReport>(path, { artifact, version: version! });
  const show = options.check === true || report.complete ? output : undefined;
  show?.document(report);
  for (const { name, tags, immutability } of report.registries) {
    for (const each of tags) {
      const mark = each.state === 'right' ? output.tick : output.cross;
      const names = each.digest === null ? 'names nothing' : `names ${oneLine(each.digest)}`;
      output.line(`  ${mark} ${oneLine(name)}: ${oneLine(each.tag)} ${names}`);
    }
    if (immutability?.problem) output.talk(`registry ${oneLine(name)}: ${oneLine(immutability.problem)}`);
  }
  if (report.complete) return EXIT.done;
  const moved = report.registries.flatMap(({ name, tags }) =>
    tags.filter((each) => each.state === 'wrong' && !each.tag.startsWith('latest-')).map((each) => `${each.tag} in registry ${name}`),
  );
  if (moved.length > 0) {
    throw new CommandFailure(EXIT.conflict, `${oneLine(moved.join(', '))} names another artifact, and release tags are never moved`, {
      code: 'TAG_IMMUTABLE',
      hint: 'publish the content under a new version and promote that; ask who wrote the tag past Greenlight',
    });
  }
  if (options.check) return EXIT.no;
  output.talk(`the tags are written by a repair of ${oneLine(report.version)} in ${oneLine(environment!)}`);
  const form = {
    impact: 'low' as const,
    kind: 'repair' as const,
    justification: `Writes the tags of ${report.version} in ${environment} again`,
  };
  return request(session, { version: report.version, to: environment! }, { ...options, ...form }, [version!, environment!]);
}
