/** Who builds on an artifact: what teams say in the configuration and by the API. The API wins where both speak of one product. */
import type { Configuration } from '../environment/configuration.ts';
import type { Consumer } from './impact.ts';

/** As the configuration has it. */
export interface ConfiguredConsumer extends Consumer {
  /** Environments that it uses; absent: all. */
  environments?: string[] | undefined;
}

/** As a team has registered it. */
export interface RegisteredConsumer extends ConfiguredConsumer {
  /** `cn-<16 hex digits>`. */
  id: string;
  tenant: string;
  artifact: string;
  updatedAt: string;
  /** Address of who wrote it last. */
  updatedBy: string;
}

export type KnownConsumer = ConfiguredConsumer & { artifact: string; registered?: RegisteredConsumer };

/** Everything that is known of an artifact's consumers, each product once. */
export function consumersOf(
  { consumers }: Pick<Configuration, 'consumers'>,
  registered: readonly RegisteredConsumer[],
  artifact: string,
): KnownConsumer[] {
  const configured = Object.hasOwn(consumers, artifact) ? consumers[artifact]! : [];
  const mine = registered.filter((each) => each.artifact === artifact);
  return [
    ...mine.map((each) => ({ ...each, registered: each })),
    ...configured.filter(({ product }) => !mine.some((each) => each.product === product)).map((each) => ({ ...each, artifact })),
  ];
}

/** Those that use an environment. */
export function usersOf(consumers: readonly KnownConsumer[], environment: string): Consumer[] {
  return consumers.filter(({ environments }) => environments === undefined || environments.includes(environment));
}
