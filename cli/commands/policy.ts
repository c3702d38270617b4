/** `greenlight policy list|replay`: promotion without a person's request, explained and tried on the past. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import { EXIT, usageFailure } from '../failure.ts';
import { integer } from '../operands.ts';
import { type Output, oneLine } from '../output.ts';
import type { SharedOptions } from '../session.ts';
import { shownTime } from '../show-request.ts';
import { type VerbContext, verb } from '../verb.ts';

interface PolicyView {
  name: string;
  enabled: boolean;
  from: string;
  to: string;
  now: { artifact: string; version?: string; outcome: string; because: string; due?: string }[];
}

interface ReplayView {
  since: string;
  until: string;
  complete: boolean;
  assumed: string[];
  summary: Record<'promote' | 'promoted' | 'left' | 'wait' | 'hold' | 'badVersions', number>;
  versions: {
    artifact: string;
    version: string;
    outcome: string;
    at: string;
    because: string;
    actual?: { requestId: string; at: string; outcome: string };
    hoursEarlier?: number;
  }[];
  recorded: { total: number; reproduced: number; differing: { requestId: string; because: string }[] };
}

export function policyVerb(context: VerbContext): Command {
  return new Command('policy')
    .description('Shows policies of promotion, and replays them over the past')
    .addCommand(listVerb(context))
    .addCommand(replayVerb(context));
}

function listVerb(context: VerbContext): Command {
  return verb<SharedOptions>(context, 'list', {
    summary: 'Shows the policies of promotion, what each would do now, and why',
    examples: ['policy list', 'policy list --json', 'policy list --as viewer@example.com'],
    run: async ({ client, output }) => {
      const answer = await client.get<{ items: PolicyView[] }>('/v1/policies');
      output.document(answer);
      if (answer.items.length === 0) output.line('There is no policy: docs/policies.md says how one is written');
      for (const { name, enabled, from, to, now } of answer.items) {
        output.line(`${oneLine(name)}  ${oneLine(from)} → ${oneLine(to)}${enabled ? '' : '  (not enabled)'}`);
        for (const { artifact, version, outcome, because } of now)
          output.line(
            `  ${oneLine(artifact)} ${version === undefined ? '' : `${oneLine(version)} `}${WORDS[outcome] ?? oneLine(outcome)}: ${oneLine(because)}`,
          );
      }
      return EXIT.done;
    },
  });
}

const WORDS: Readonly<Record<string, string>> = {
  promote: 'is asked for',
  wait: 'waits',
  hold: 'is left to a person',
  none: 'needs nothing',
  unknown: 'could not be looked at',
};

function replayVerb(context: VerbContext): Command {
  return verb<SharedOptions & { file?: string; days?: number }>(context, 'replay NAME', {
    summary: 'Shows what a policy would have done in the past; changes nothing',
    examples: [
      'policy replay auto-promote-staging-to-prod',
      'policy replay auto-promote-staging-to-prod --file greenlight.yaml --days 90',
      'policy replay auto-promote-staging-to-prod --artifact payment-api --json',
    ],
    run: async ({ client, output, options, around }, [name], { file, days }) => {
      const body = {
        policy: name,
        ...(file === undefined ? {} : { text: readText(around.cwd, file) }),
        ...(days === undefined ? {} : { days }),
        ...(options.artifact === undefined ? {} : { artifact: options.artifact }),
      };
      const { body: report } = await client.post<ReplayView>('/v1/policies/replay', body);
      output.document(report);
      for (const line of linesOf(report, output)) output.line(line);
      return EXIT.done;
    },
  })
    .addOption(new Option('--file <FILE>', 'a configuration that says what the policy would be (default: the one in force)'))
    .addOption(new Option('--days <N>', 'how far back (default: 365)').argParser(integer(1, 366)));
}

function readText(cwd: string, file: string): string {
  try {
    return readFileSync(resolve(cwd, file), 'utf8');
  } catch (error) {
    throw usageFailure(`cannot read ${file} (${(error as NodeJS.ErrnoException).code})`);
  }
}

function linesOf({ since, until, complete, assumed, summary, versions, recorded }: ReplayView, output: Output): string[] {
  return [
    `${shownTime(since)} to ${shownTime(until)}: ${summary.promote} asked for, ${summary.promoted} there before, ${summary.hold} left to a person, ${summary.left} replaced in time, ${summary.wait} waiting`,
    ...versions.map(({ artifact, version, outcome, at, because, actual, hoursEarlier }) => {
      const earlier = hoursEarlier === undefined ? '' : `, ${hoursEarlier} h earlier than ${oneLine(actual!.requestId)}`;
      const came = actual ? ` (it came ${shownTime(actual.at)}: ${oneLine(actual.outcome.replaceAll('_', ' '))}${earlier})` : '';
      return `  ${shownTime(at)}  ${oneLine(artifact)} ${oneLine(version)}  ${oneLine(outcome)}: ${oneLine(because)}${came}`;
    }),
    ...(summary.badVersions > 0 ? [output.paint('warn', `⚠ ${summary.badVersions} of what it would have asked for did not last`)] : []),
    `Decisions that it made and makes again: ${recorded.reproduced} of ${recorded.total}`,
    ...recorded.differing.map(({ requestId, because }) => `  not ${oneLine(requestId)}: ${oneLine(because)}`),
    ...assumed.map((what) => `Taken for good, as no history holds it: ${oneLine(what)}`),
    ...(complete ? [] : ['There is more in this period than one answer reads: the newest of it is shown']),
  ];
}
