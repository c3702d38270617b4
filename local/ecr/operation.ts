/** How an ECR operation is declared, and what it gets to work with. */
import * as z from 'zod';
import { RegistryError } from '../registry/registry-error.ts';
import type { Registry } from '../registry/registry-server.ts';
import type { Repository } from '../registry/repository.ts';
import type { Caller, CloudContext } from '../service.ts';
import type { AuthorizationTokens } from './authorization-tokens.ts';
import { EcrError } from './ecr-error.ts';

export interface EcrState {
  context: CloudContext;
  tokens: AuthorizationTokens;
  registries: readonly Registry[];
  /** Registry of requests that name none: the first. */
  home: Registry;
  /** Settings of a repository that is created without further wishes. */
  newRepository(registry: Registry): Repository['settings'];
}

export interface EcrCall extends EcrState {
  caller: Caller;
  /** The registry that `registryId` names, or the default one. */
  registry: Registry;
}

export interface Operation {
  /** What IAM decides about: the repositories of the request, or the account as a whole. */
  scope: 'repository' | 'account';
  /** Action that IAM knows it by, where that is not the operation's own name. */
  action?: string;
  run(call: EcrCall, input: unknown): object | Promise<object>;
}

/** Declares an operation whose input is checked first; a wrong one is an InvalidParameterException that names the member. */
export function operation<S extends z.ZodType>(
  scope: Operation['scope'],
  schema: S,
  run: (call: EcrCall, input: z.output<S>) => object | Promise<object>,
): Operation {
  return {
    scope,
    run(call, input) {
      const parsed = schema.safeParse(input);
      if (!parsed.success) throw new EcrError('InvalidParameterException', `Invalid parameter: ${z.prettifyError(parsed.error)}`);
      return run(call, parsed.data);
    },
  };
}

/** Members that all operations on one repository take. */
export const repositoryInput = { registryId: z.string().optional(), repositoryName: z.string() };
export const pageInput = { maxResults: z.number().int().min(1).max(1000).optional(), nextToken: z.string().optional() };

/** The repository, or RepositoryNotFoundException in ECR's words. */
export function repositoryOf({ registry }: EcrCall, name: string): Repository {
  try {
    return registry.store.repository(name);
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    throw new EcrError(
      'RepositoryNotFoundException',
      `The repository with name '${name}' does not exist in the registry with id '${registry.account}'`,
    );
  }
}

/** One page of a list; the token is the key of the last item, so that pages stay right while items come and go. */
export function page<T>(
  items: readonly T[],
  keyOf: (item: T) => string,
  input: { maxResults?: number | undefined; nextToken?: string | undefined },
): { items: T[]; next: { nextToken?: string } } {
  const sorted = [...items].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const after = input.nextToken === undefined ? undefined : Buffer.from(input.nextToken, 'base64url').toString('utf8');
  const rest = after === undefined ? sorted : sorted.filter((item) => keyOf(item) > after);
  const taken = rest.slice(0, input.maxResults ?? 100);
  const last = taken.at(-1);
  const more = last !== undefined && taken.length < rest.length;
  return { items: taken, next: more ? { nextToken: Buffer.from(keyOf(last)).toString('base64url') } : {} };
}

/** Seconds since the epoch, as JSON 1.1 spells dates. */
export function seconds(milliseconds: number): number {
  return milliseconds / 1000;
}
