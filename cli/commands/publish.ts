/** `greenlight publish`: packages a folder into the registry of the first environment. */
import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { publish } from '../../adapters/registry/publish.ts';
import { Fault } from '../../core/errors.ts';
import { artifactName } from '../../core/promotion/request-body.ts';
import { isReservedTag, TAG_GRAMMAR } from '../../core/registry/version.ts';
import { CommandFailure, EXIT, usageFailure } from '../failure.ts';
import { oneLine } from '../output.ts';
import type { Session, SharedOptions } from '../session.ts';
import { type VerbContext, verb } from '../verb.ts';

interface PublishOptions extends SharedOptions {
  registry?: string;
}

/** Exit code of what can go wrong at a registry. */
const EXIT_OF: Partial<Record<string, number>> = {
  TAG_IMMUTABLE: EXIT.conflict,
  UNAVAILABLE: EXIT.unavailable,
  REGISTRY_REFUSED: EXIT.notAllowed,
};

export function publishVerb(context: VerbContext): Command {
  return verb<PublishOptions>(context, 'publish VERSION [DIR]', {
    summary: 'Packages a folder (default .) as an OCI artifact into the first environment',
    examples: ['publish 1.1.0', 'publish v1.2.3-dev ./site --artifact handbook', 'publish 1.1.0 dist --registry http://127.0.0.1:5000'],
    run: run,
  }).addOption(new Option('--registry <URL>', 'origin of the registry (default: the first of the local cloud)').argParser(origin));
}

async function run(session: Session, [version, directory = '.']: string[], options: PublishOptions): Promise<number> {
  if (!TAG_GRAMMAR.test(version!))
    throw usageFailure(`${version} is not a version`, 'letters, digits, dots, hyphens and underscores, e.g. 1.1.0');
  if (isReservedTag(version!)) throw usageFailure(`${version} is a moving tag, not a version`, 'name the version, e.g. 1.1.0');
  const folder = resolve(session.around.cwd, directory);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) throw usageFailure(`${directory} is not a folder`);
  const { artifact, output } = session;
  if (!artifactName.safeParse(artifact).success)
    throw usageFailure(`${oneLine(artifact)} is not the name of an artifact`, 'lower-case letters and digits, e.g. payment-api');
  const registry = options.registry ?? firstRegistry(session);
  output.talk(`publishing ${directory} as ${artifact}:${version}`);
  try {
    const published = await publish({ origin: registry, repository: artifact, tag: version!, folder });
    const reference = `oci://${new URL(registry).host}/${artifact}:${version}`;
    output.document({ artifact, version, reference, ...published });
    output.line(`  ${output.tick} ${published.existed ? 'Was published already' : 'Published'}: ${reference}@${published.digest}`);
    return EXIT.done;
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    throw new CommandFailure(EXIT_OF[error.code] ?? EXIT.no, oneLine(error.message), {
      code: error.code,
      ...(error.hint === undefined ? {} : { hint: error.hint }),
    });
  }
}

function firstRegistry({ local }: Session): string {
  const address = Object.values(local?.registries ?? {})[0];
  if (address === undefined)
    throw usageFailure('which registry? there is no local cloud in ./.greenlight', 'give --registry URL, or --data DIR');
  return `http://${address}`;
}

function origin(value: string): string {
  if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol))
    throw new InvalidArgumentError('Give the address of a registry: https:// and its name, without a path.');
  return new URL(value).origin;
}
