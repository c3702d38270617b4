/** `greenlight config check`: every mistake of a configuration file with its line. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { Command } from 'commander';
import type { Configuration } from '../../core/environment/configuration.ts';
import { type ConfigurationProblem, readConfiguration } from '../../core/environment/configuration-file.ts';
import { EXIT, usageFailure } from '../failure.ts';
import { oneLine } from '../output.ts';
import type { Session } from '../session.ts';
import { type VerbContext, verb } from '../verb.ts';
import { configApproveVerb, configDiffVerb, configProposeVerb, configShowVerb } from './config.ts';

interface CheckOptions {
  complete?: boolean;
}

export function configVerb(context: VerbContext): Command {
  const check = verb<CheckOptions>(context, 'check FILE', {
    summary: 'Checks a configuration file, or one block of it',
    examples: ['config check greenlight.yaml', 'config check greenlight.yaml --complete', 'config check environments.yaml --json'],
    local: true,
    run: runCheck,
  }).option('--complete', 'demand everything that a deployment needs (default for files with environments, catalog and people)');
  return new Command('config')
    .description('Checks configuration files, and shows, proposes and approves versions')
    .addCommand(check)
    .addCommand(configShowVerb(context))
    .addCommand(configDiffVerb(context))
    .addCommand(configProposeVerb(context))
    .addCommand(configApproveVerb(context));
}

async function runCheck({ output, around }: Session, [file]: string[], { complete = false }: CheckOptions): Promise<number> {
  const text = readText(resolve(around.cwd, file!), file!);
  const part = readConfiguration(text, { complete: false });
  const whole = readConfiguration(text);
  const demanded = complete || (part.ok && isWhole(part.configuration)) ? whole : part;
  if (!demanded.ok) {
    output.document({ ok: false, file, problems: demanded.problems, warnings: [] });
    for (const problem of demanded.problems) output.line(lineOf(file!, problem));
    output.talk(`${file}: ${demanded.problems.length} problem${demanded.problems.length === 1 ? '' : 's'}`);
    return EXIT.usage;
  }
  const missing = whole.ok ? [] : whole.problems;
  output.document({ ok: true, file, complete: whole.ok, problems: [], warnings: demanded.warnings, missing });
  for (const warning of demanded.warnings) output.talk(`${output.paint('warn', 'warning')}: ${oneLine(warning)}`);
  for (const problem of missing) output.talk(`to deploy it alone: ${lineOf(file!, problem)}`);
  output.line(`${file}: ${whole.ok ? 'valid' : 'valid as a part of a configuration'}`);
  return EXIT.done;
}

/** Who names environments, artifacts and people means a deployment, not a block of one. */
function isWhole({ environments, artifacts, people }: Configuration): boolean {
  return [environments, artifacts, people].every((named) => Object.keys(named).length > 0);
}

function readText(path: string, file: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw usageFailure(`${file} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'error'})`);
  }
}

function lineOf(file: string, { line, message, hint }: ConfigurationProblem): string {
  return `${oneLine(file)}:${line}: ${oneLine(message)}${hint === undefined ? '' : ` (${oneLine(hint)})`}`;
}
