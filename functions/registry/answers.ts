/** Shapes of what the feature registry answers. */
import * as z from 'zod';
import { digest, instant, listOf, registryRole } from '../kit/answer.ts';
import { lifecycleStatus } from '../lifecycle/answers.ts';

const copyReport = z
  .strictObject({
    environment: z.string(),
    artifact: z.string(),
    version: z.string(),
    digest,
    complete: z.boolean(),
    registries: z.array(
      z.strictObject({
        name: z.string(),
        role: registryRole,
        required: z.boolean(),
        complete: z.boolean(),
        sourceRoot: digest.optional(),
        targetRoot: digest.optional(),
        manifests: z.int().optional(),
        blobs: z.int().optional(),
        missing: z.array(
          z.strictObject({
            kind: z.enum(['manifest', 'blob', 'tag', 'referrer']),
            digest,
            size: z.int().optional(),
            tag: z.string().optional(),
            subject: digest.optional(),
            reason: z.enum(['absent', 'different']),
          }),
        ),
        failure: z.strictObject({ code: z.string(), message: z.string() }).optional(),
      }),
    ),
  })
  .meta({ id: 'CopyReport', description: 'What each registry of an environment has of a version, compared with the source part by part' });

const tagReport = z
  .strictObject({
    environment: z.string(),
    artifact: z.string(),
    version: z.string(),
    digest,
    current: z.boolean(),
    complete: z.boolean(),
    registries: z.array(
      z.strictObject({
        name: z.string(),
        tags: z.array(z.strictObject({ tag: z.string(), digest: digest.nullable(), state: z.enum(['right', 'missing', 'wrong']) })),
        immutability: z
          .strictObject({ rule: z.string().nullable(), enforced: z.boolean(), problem: z.string().optional() })
          .nullable()
          .meta({ description: 'null: the registry does not say' }),
      }),
    ),
  })
  .meta({ id: 'TagReport' });

const artifact = z
  .strictObject({
    name: z.string(),
    tenant: z.string(),
    type: z.string().nullable(),
    project: z.string(),
    versionScheme: z.enum(['semver', 'opaque']),
    workload: z.string().nullable(),
    environments: z.array(
      z.strictObject({
        environment: z.string(),
        version: z.string(),
        digest,
        since: instant,
        lifecycle: lifecycleStatus,
        warnings: z.array(z.string()),
      }),
    ),
  })
  .meta({ id: 'Artifact' });

const update = {
  version: z.string(),
  digest,
  publishedAt: instant.nullable(),
  step: z.enum(['major', 'minor', 'patch', 'prerelease', 'other']),
  prerelease: z.boolean(),
  environments: z.array(z.string()).meta({ description: 'where it succeeded at least once' }),
  lifecycle: lifecycleStatus,
};
const updateList = z
  .strictObject({
    artifact: z.string(),
    constraint: z.string(),
    scheme: z.enum(['semver', 'opaque']),
    current: z.strictObject({ version: z.string(), digest, publishedAt: instant.nullable() }).nullable(),
    updates: z.array(z.strictObject(update)),
    recommended: z
      .strictObject({
        ...update,
        compatibility: z
          .strictObject({ status: z.enum(['compatible', 'incompatible']), by: z.enum(['schema', 'version']), why: z.string() })
          .nullable(),
      })
      .nullable(),
  })
  .meta({ id: 'UpdateList' });

export const REGISTRY_ANSWERS = {
  TagReport: tagReport,
  ArtifactList: listOf(artifact).meta({ id: 'ArtifactList' }),
  UpdateList: updateList,
  CopyReport: copyReport,
} as const;
