/** CloudFormation types AWS::KMS::Key and AWS::KMS::Alias. A property that is not served here stops the start with its name. */
import * as z from 'zod';
import type { Instant } from '../clock.ts';
import type { PolicyDocument, ResourceRequest, ResourceResult } from '../service.ts';
import { KEY_KINDS } from './key-spec.ts';
import type { KeyStore, KmsKey } from './key-store.ts';

const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')]);

const keyProperties = z.strictObject({
  KeySpec: z.enum(['SYMMETRIC_DEFAULT', 'HMAC_256', 'ECC_NIST_P256', 'ECC_NIST_EDWARDS25519']).default('SYMMETRIC_DEFAULT'),
  KeyUsage: z.enum(['ENCRYPT_DECRYPT', 'GENERATE_VERIFY_MAC', 'SIGN_VERIFY']).default('ENCRYPT_DECRYPT'),
  KeyPolicy: z.looseObject({ Version: z.string().optional(), Id: z.string().optional(), Statement: z.unknown() }).optional(),
  Description: z.string().default(''),
  Enabled: flag.default(true),
  EnableKeyRotation: flag.default(false),
  RotationPeriodInDays: z.coerce.number().int().min(90).max(2560).optional(),
  PendingWindowInDays: z.coerce.number().int().min(7).max(30).default(30),
  MultiRegion: flag.refine((value) => !value, 'multi-region keys').optional(),
  Origin: z.literal('AWS_KMS').optional(),
  BypassPolicyLockoutSafetyCheck: flag.optional(),
  Tags: z.array(z.strictObject({ Key: z.string(), Value: z.string() })).optional(),
});

/**
 * Creates the key, or brings the kept one to the declared settings; its id and material stay. Another logical id, spec or usage is another key,
 * as a replacement in CloudFormation; the old one is kept.
 */
export function provisionKey(store: KeyStore, now: Instant, fallbackPolicy: PolicyDocument, request: ResourceRequest): ResourceResult {
  const properties = parse(keyProperties, request);
  if (KEY_KINDS[properties.KeySpec].usage !== properties.KeyUsage) {
    throw new Error(`${describe(request)}: KeyUsage ${properties.KeyUsage} is not compatible with KeySpec ${properties.KeySpec}`);
  }
  const declaredBy = describe(request);
  const settings = {
    spec: properties.KeySpec,
    description: properties.Description,
    enabled: properties.Enabled,
    rotation: properties.EnableKeyRotation,
    pendingWindow: properties.PendingWindowInDays,
    policy: properties.KeyPolicy ? policyFrom(properties.KeyPolicy) : fallbackPolicy,
    declaredBy,
  };
  const existing = store.keys().find((key) => key.declaredBy === declaredBy && key.spec === settings.spec);
  const key = existing ? update(store, existing, settings) : store.create({ ...settings, created: now });
  return { ref: key.id, attributes: { Arn: key.arn, KeyId: key.id } };
}

/** A key that waits for its deletion is not brought back by a deployment. */
function update(store: KeyStore, existing: KmsKey, settings: Partial<KmsKey>): KmsKey {
  const key = { ...existing, ...settings, enabled: existing.deletion === undefined && settings.enabled === true };
  store.save(key);
  return key;
}

function policyFrom({
  Version,
  Id,
  Statement,
}: {
  Version?: string | undefined;
  Id?: string | undefined;
  Statement?: unknown;
}): PolicyDocument {
  return { ...(Version ? { Version } : {}), ...(Id ? { Id } : {}), Statement };
}

const aliasProperties = z.strictObject({ AliasName: z.string(), TargetKeyId: z.string() });

/** Creates the alias or points it at the declared key. */
export function provisionAlias(store: KeyStore, now: Instant, request: ResourceRequest): ResourceResult {
  const { AliasName, TargetKeyId } = parse(aliasProperties, request);
  store.setAlias(AliasName, TargetKeyId, now);
  return { ref: AliasName };
}

function parse<T extends z.ZodType>(schema: T, request: ResourceRequest): z.output<T> {
  const parsed = schema.safeParse(request.properties);
  if (parsed.success) return parsed.data;
  throw new Error(`${describe(request)}: not supported by the local cloud: ${z.prettifyError(parsed.error).replaceAll('\n', ' ')}`);
}

function describe(request: ResourceRequest): string {
  return `${request.type} ${request.stack}/${request.logicalId}`;
}
