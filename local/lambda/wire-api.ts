/** The part of the Lambda REST API (2015-03-31) that clients use here: Invoke, ListFunctions, GetFunction, GetFunctionConfiguration, GetPolicy. */
import type { IamCheck, InvokeOptions, PolicyDocument, ServiceError, ServiceRequest, ServiceResponse } from '../service.ts';
import type { FunctionDefinition } from './function-definition.ts';
import { functionNotFound, LambdaRefusal } from './lambda-refusal.ts';
import type { Outcome } from './sandbox.ts';

/** What the wire API needs of the service behind it. */
export interface LambdaBackend {
  /** From a name, a partial or a whole ARN, with or without `$LATEST`. */
  functionArn(name: string): string;
  definition(functionArn: string): FunctionDefinition | undefined;
  definitions(): FunctionDefinition[];
  policy(functionArn: string): PolicyDocument | undefined;
  run(functionArn: string, payload: string, requestId: string, waits?: InvokeOptions['waits']): Promise<Outcome>;
  accept(functionArn: string, payload: string, requestId: string): void;
}

const FUNCTIONS = '/2015-03-31/functions';

interface Call {
  operation: 'Invoke' | 'ListFunctions' | 'GetFunction' | 'GetFunctionConfiguration' | 'GetPolicy';
  /** As the client wrote it. */
  name: string;
}

/** Which operation a request is; undefined for what is not supported. */
function callOf(request: ServiceRequest): Call | undefined {
  const path = request.url.pathname.replace(/\/$/, '');
  if (path === FUNCTIONS && request.method === 'GET') return { operation: 'ListFunctions', name: '' };
  const [, encoded, rest] = /^\/2015-03-31\/functions\/([^/]+)(\/[a-z]+)?$/.exec(path) ?? [];
  if (encoded === undefined) return undefined;
  const name = decodeURIComponent(encoded);
  if (request.method === 'POST' && rest === '/invocations') return { operation: 'Invoke', name };
  if (request.method !== 'GET') return undefined;
  if (rest === undefined) return { operation: 'GetFunction', name };
  if (rest === '/configuration') return { operation: 'GetFunctionConfiguration', name };
  if (rest === '/policy') return { operation: 'GetPolicy', name };
  return undefined;
}

/** Operation in AWS's spelling; what is not supported is named by method and path. */
export function operationOf(request: ServiceRequest): string {
  return callOf(request)?.operation ?? `${request.method} ${request.url.pathname}`;
}

export function checksOf(request: ServiceRequest, backend: LambdaBackend): IamCheck[] {
  const call = callOf(request);
  if (!call) return [];
  if (call.operation === 'ListFunctions') return [{ action: 'lambda:ListFunctions', resource: '*' }];
  const action = call.operation === 'Invoke' ? 'lambda:InvokeFunction' : `lambda:${call.operation}`;
  return [{ action, resource: backend.functionArn(call.name) }];
}

export async function handleCall(request: ServiceRequest, backend: LambdaBackend): Promise<ServiceResponse> {
  const call = callOf(request);
  if (!call) throw new LambdaRefusal(404, 'UnknownOperationException', `The local cloud does not support ${operationOf(request)}`);
  if (call.operation === 'ListFunctions') return json({ Functions: backend.definitions().map(configuration) });
  const arn = backend.functionArn(call.name);
  const definition = backend.definition(arn);
  const qualifier = request.url.searchParams.get('Qualifier');
  if (!definition || (qualifier !== null && qualifier !== '$LATEST'))
    throw functionNotFound(qualifier === null ? arn : `${arn}:${qualifier}`);
  switch (call.operation) {
    case 'Invoke':
      return invoke(request, backend, arn);
    case 'GetFunction':
      return json({
        Configuration: configuration(definition),
        Code: { RepositoryType: 'S3', Location: `file://${definition.codeFolder}` },
      });
    case 'GetFunctionConfiguration':
      return json(configuration(definition));
    case 'GetPolicy': {
      const policy = backend.policy(arn);
      if (!policy) throw new LambdaRefusal(404, 'ResourceNotFoundException', 'The resource you requested does not exist.');
      return json({ Policy: JSON.stringify(policy), RevisionId: '1' });
    }
  }
}

async function invoke(request: ServiceRequest, backend: LambdaBackend, arn: string): Promise<ServiceResponse> {
  const payload = request.body.length === 0 ? '{}' : request.body.toString('utf8');
  assertJson(payload);
  const type = request.headers['x-amz-invocation-type'] ?? 'RequestResponse';
  switch (type) {
    case 'DryRun':
      return { status: 204 };
    case 'Event':
      backend.accept(arn, payload, request.requestId);
      return { status: 202, headers: { 'x-amzn-requestid': request.requestId } };
    case 'RequestResponse': {
      const outcome = await backend.run(arn, payload, request.requestId);
      const headers = { 'content-type': 'application/json', 'x-amz-executed-version': '$LATEST', 'x-amzn-requestid': request.requestId };
      if ('payload' in outcome) return { status: 200, headers, body: outcome.payload };
      return { status: 200, headers: { ...headers, 'x-amz-function-error': 'Unhandled' }, body: JSON.stringify(outcome.error) };
    }
    default:
      throw new LambdaRefusal(400, 'InvalidParameterValueException', `Unknown invocation type: ${type}`);
  }
}

function assertJson(payload: string): void {
  try {
    JSON.parse(payload);
  } catch (error) {
    throw new LambdaRefusal(400, 'InvalidRequestContentException', `Could not parse request body into json: ${(error as Error).message}`);
  }
}

function configuration(definition: FunctionDefinition): Record<string, unknown> {
  return {
    FunctionName: definition.name,
    FunctionArn: definition.arn,
    Runtime: definition.runtime,
    Role: definition.roleArn,
    Handler: definition.handler,
    Description: definition.description,
    Timeout: definition.timeoutSeconds,
    MemorySize: definition.memoryMegabytes,
    Environment: { Variables: definition.variables },
    LoggingConfig: { LogFormat: 'Text', LogGroup: definition.logGroup },
    PackageType: 'Zip',
    Architectures: ['x86_64'],
    Version: '$LATEST',
    State: 'Active',
    LastUpdateStatus: 'Successful',
    ...(definition.deadLetterArn ? { DeadLetterConfig: { TargetArn: definition.deadLetterArn } } : {}),
  };
}

function json(body: unknown): ServiceResponse {
  return { status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** REST JSON errors carry their code in a header. */
export function restJsonError(requestId: string, error: ServiceError): ServiceResponse {
  return {
    status: error.status,
    headers: { 'content-type': 'application/json', 'x-amzn-errortype': error.code, 'x-amzn-requestid': requestId },
    body: JSON.stringify({ Type: error.status < 500 ? 'User' : 'Service', message: error.message }),
  };
}
