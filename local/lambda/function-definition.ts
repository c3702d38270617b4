/** A function as CloudFormation declares it (`AWS::Lambda::Function`), checked for what the local cloud can run. */
import { existsSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { isAbsolute, join } from 'node:path';
import * as z from 'zod';
import type { ResourceRequest } from '../service.ts';

export interface FunctionDefinition {
  name: string;
  arn: string;
  roleArn: string;
  /** `file.export`, relative to `codeFolder`. */
  handler: string;
  runtime: string;
  codeFolder: string;
  /** Real seconds. */
  timeoutSeconds: number;
  memoryMegabytes: number;
  variables: Record<string, string>;
  logGroup: string;
  description: string;
  /** Events at a time; 0 throttles every call. */
  concurrency: number;
  /** Queue or topic that receives events that failed for good. */
  deadLetterArn?: string;
}

/**
 * Threads per function: twice the processors, because each waits for the local services half of its time. Each compiles its code for itself and becomes
 * fast by running, so more of them take longer for the same work (ten on two processors: 1.5 times the processor time, measured by bench/approvals.ts);
 * fewer than four would hide races that sandboxes on AWS have.
 */
const MOST_WORKERS = Math.min(10, Math.max(4, 2 * availableParallelism()));

/** CloudFormation hands numbers over as numbers or as strings, depending on how a parameter was resolved. */
const count = z.coerce.number().int().nonnegative();

const functionProperties = z.strictObject({
  FunctionName: z.string().optional(),
  Role: z.string(),
  Handler: z.string(),
  Runtime: z.string().regex(/^nodejs/, 'only Node.js runtimes run in the local cloud'),
  Code: z.strictObject({ S3Bucket: z.string(), S3Key: z.string() }).or(z.string()),
  Timeout: count.min(1).max(900).default(3),
  MemorySize: count.min(128).max(10_240).default(128),
  Environment: z.strictObject({ Variables: z.record(z.string(), z.coerce.string()).optional() }).optional(),
  ReservedConcurrentExecutions: count.optional(),
  DeadLetterConfig: z.strictObject({ TargetArn: z.string().optional() }).optional(),
  LoggingConfig: z.looseObject({ LogGroup: z.string().optional() }).optional(),
  Description: z.string().default(''),
  PackageType: z.literal('Zip').optional(),
  // What follows changes nothing that a function could notice on one machine.
  Architectures: z.unknown().optional(),
  EphemeralStorage: z.unknown().optional(),
  KmsKeyArn: z.unknown().optional(),
  RecursiveLoop: z.unknown().optional(),
  RuntimeManagementConfig: z.unknown().optional(),
  Tags: z.unknown().optional(),
  TracingConfig: z.unknown().optional(),
});

/** Reads the declared properties; throws with the property's name for what cannot run here (layers, images, VPC, file systems, inline code). */
export function functionDefinition(request: ResourceRequest, region: string, account: string): FunctionDefinition {
  const parsed = functionProperties.safeParse(request.properties);
  if (!parsed.success) throw new Error(`AWS::Lambda::Function ${request.logicalId}: ${z.prettifyError(parsed.error)}`);
  const properties = parsed.data;
  const name = properties.FunctionName ?? request.defaultName;
  return {
    name,
    arn: `arn:aws:lambda:${region}:${account}:function:${name}`,
    roleArn: properties.Role,
    handler: properties.Handler,
    runtime: properties.Runtime,
    codeFolder: codeFolder(request, properties.Code),
    timeoutSeconds: properties.Timeout,
    memoryMegabytes: properties.MemorySize,
    variables: properties.Environment?.Variables ?? {},
    logGroup: properties.LoggingConfig?.LogGroup ?? `/aws/lambda/${name}`,
    description: properties.Description,
    concurrency: Math.min(properties.ReservedConcurrentExecutions ?? MOST_WORKERS, MOST_WORKERS),
    ...(properties.DeadLetterConfig?.TargetArn ? { deadLetterArn: properties.DeadLetterConfig.TargetArn } : {}),
  };
}

function codeFolder(request: ResourceRequest, code: string | { S3Bucket: string; S3Key: string }): string {
  const where = `AWS::Lambda::Function ${request.logicalId}`;
  let folder: string | undefined;
  if (typeof code === 'string') folder = isAbsolute(code) ? code : join(request.assembly, code);
  else folder = request.asset(code.S3Bucket, code.S3Key);
  if (folder === undefined || !existsSync(folder)) {
    throw new Error(`${where}: the assembly has no asset for ${typeof code === 'string' ? code : `${code.S3Bucket}/${code.S3Key}`}`);
  }
  if (!statSync(folder).isDirectory())
    throw new Error(`${where}: ${folder} is not a folder; zip files are not unpacked, use Code.fromAsset(folder)`);
  return folder;
}
