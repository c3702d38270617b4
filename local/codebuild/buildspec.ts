/** Build specifications of version 0.2, in YAML or JSON: phases with commands, `finally` and `on-failure`, variables and exported variables. */
import { parse } from 'yaml';
import * as z from 'zod';
import { CodeBuildError } from './codebuild-error.ts';

/** Phases that run commands, in order. */
export const PHASES = ['install', 'pre_build', 'build', 'post_build'] as const;
export type PhaseName = (typeof PHASES)[number];

const commands = z.array(z.union([z.string(), z.number(), z.boolean()]).transform(String));
const phase = z.strictObject({
  commands: commands.optional(),
  finally: commands.optional(),
  'on-failure': z.enum(['ABORT', 'CONTINUE']).optional(),
});
const variables = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]).transform(String));

/** `runtime-versions` are accepted and have no effect: the build uses the tools of this machine. */
const buildspec = z.strictObject({
  version: z.union([z.literal(0.2), z.literal('0.2')]),
  env: z
    .strictObject({
      shell: z.literal('sh').optional(),
      variables: variables.optional(),
      'exported-variables': z.array(z.string()).optional(),
    })
    .optional(),
  phases: z
    .strictObject({
      install: phase.extend({ 'runtime-versions': z.record(z.string(), z.unknown()).optional() }).optional(),
      pre_build: phase.optional(),
      build: phase.optional(),
      post_build: phase.optional(),
    })
    .refine((phases) => Object.keys(phases).length > 0, 'at least one phase is needed'),
});

export type Buildspec = z.output<typeof buildspec>;

/** Reads a specification or throws InvalidInputException, naming what is wrong or not supported. */
export function readBuildspec(text: string): Buildspec {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 20 });
  } catch (error) {
    throw new CodeBuildError('InvalidInputException', `YAML_FILE_ERROR: ${(error as Error).message}`);
  }
  const result = buildspec.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => `${path.join('.') || 'buildspec'}: ${message}`);
  throw new CodeBuildError('InvalidInputException', `YAML_FILE_ERROR: the local cloud cannot run this buildspec: ${issues.join('; ')}`);
}
