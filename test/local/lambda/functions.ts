/** Functions written to a temporary folder and the Lambda service that runs them, for tests. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LambdaOptions, LambdaService } from '../../../local/lambda/lambda.ts';
import { createLambda } from '../../../local/lambda/lambda.ts';
import type { Caller, ResourceRequest, ServiceRequest } from '../../../local/service.ts';
import type { TestContext } from '../context.ts';

const ROLE = 'arn:aws:iam::000000000000:role/worker';
const ADMIN: Caller = { kind: 'admin', accessKeyId: 'AKIAADMIN' };

/** A PEM that parses as a certificate is needed only where TLS is tested. */
export async function startLambda(context: TestContext, options: Partial<LambdaOptions> = {}): Promise<LambdaService> {
  return createLambda(context, {
    endpoint: () => 'http://127.0.0.1:4701',
    certificate: '',
    streams: { subscribe: () => undefined },
    ...options,
  });
}

export function functionArn(name: string): string {
  return `arn:aws:lambda:eu-central-1:000000000000:function:${name}`;
}

/** A resource as the template reader hands it over. */
export function resource(type: string, logicalId: string, properties: Record<string, unknown>): ResourceRequest {
  const defaultName = `Test-${logicalId}`;
  return {
    stack: 'Test',
    logicalId,
    type,
    properties,
    defaultName,
    assembly: '/nowhere',
    asset: (_bucket, key) => (key === 'missing' ? undefined : key),
  };
}

/** Writes `source` as index.mjs and declares it; answers the function's ARN. */
export async function deploy(
  context: TestContext,
  lambda: LambdaService,
  name: string,
  source: string,
  properties: Record<string, unknown> = {},
): Promise<string> {
  const folder = join(context.data, 'assets', name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'index.mjs'), source);
  await lambda.resources['AWS::Lambda::Function']!(
    resource('AWS::Lambda::Function', name, {
      FunctionName: name,
      Role: ROLE,
      Handler: 'index.handler',
      Runtime: 'nodejs22.x',
      Code: { S3Bucket: 'assets', S3Key: folder },
      ...properties,
    }),
  );
  return functionArn(name);
}

/** A request as the gateway hands it over. */
export function request(method: string, path: string, body = '', headers: Record<string, string> = {}): ServiceRequest {
  const url = new URL(path, 'http://127.0.0.1:4701');
  return { method, url, headers, body: Buffer.from(body), caller: ADMIN, requestId: crypto.randomUUID(), presigned: false };
}
