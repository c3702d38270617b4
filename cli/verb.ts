/** How a verb is declared: operands in capitals, shared options, three examples. */
import { Command, Option } from 'commander';
import { notEmpty } from './operands.ts';
import { Session, type SharedOptions, type Surroundings } from './session.ts';

export interface VerbContext {
  around: Surroundings;
  /** Told the exit code of a verb that ends without an error. */
  finish(exitCode: number): void;
}

export interface VerbOptions<Options> {
  summary: string;
  /** Command lines without the program's name, after the variables that they need. */
  examples: readonly [string, string, string];
  /** Works on files alone, without the API: `--artifact` and the options of the API are taken and change nothing. */
  local?: boolean;
  run(session: Session, operands: string[], options: Options & SharedOptions): Promise<number>;
}

/** A command `name` with its operands, e.g. `approve TARGET [ENV]`; further options are added to what it answers. */
export function verb<Options extends object>(context: VerbContext, usage: string, options: VerbOptions<Options>): Command {
  const [name, ...operands] = usage.split(' ');
  const command = new Command(name).description(options.summary).allowExcessArguments(false);
  for (const operand of operands) command.argument(commanderOperand(operand), '', notEmptyOperand(operand));
  command.option('--json', 'print the result as one JSON document');
  for (const option of [
    new Option('--artifact <NAME>', 'artifact (default: the one with a workload in ./greenlight.yaml)'),
    new Option('--as <NAME>', 'full address of somebody at the local issuer'),
    new Option('--data <DIR>', 'data folder of a local cloud (default: ./.greenlight)'),
  ]) {
    // Scripts give every verb the same options: who works on files alone takes them too, and does not speak of them.
    command.addOption(option.argParser(notEmpty).hideHelp(options.local === true));
  }
  command.addHelpText('after', `\nExamples:\n${options.examples.map(exampleLine).join('\n')}\n`);
  command.action(async (...given: unknown[]) => {
    const own = command.opts<Options & SharedOptions>();
    const words = given
      .slice(0, -2)
      .flat()
      .filter((word): word is string => typeof word === 'string');
    context.finish(await options.run(new Session(context.around, own), words, own));
  });
  return command;
}

/** Variables of the environment stand before the program: `AWS_PROFILE=auditor audit verify …`. */
function exampleLine(example: string): string {
  return `  ${example.replace(/^((?:[A-Z_]+=\S+ )*)/, '$1greenlight ')}`;
}

/** `VERSION` → `<VERSION>`, `[ENV]` stays, `WORDS...` takes all that follow. */
function commanderOperand(operand: string): string {
  return operand.startsWith('[') ? operand : `<${operand}>`;
}

function notEmptyOperand(operand: string): (value: string, previous: unknown) => unknown {
  return operand.includes('...')
    ? (value, previous) => [...(Array.isArray(previous) ? (previous as string[]) : []), notEmpty(value)]
    : (value) => notEmpty(value);
}
