/**
 * STS of the local cloud: who a caller is. GetCallerIdentity by POST and by presigned GET (as `aws eks get-token` makes them), in XML or JSON.
 *
 * Limits: AssumeRole and the other operations that issue credentials are answered with AccessDenied, as for a role that does not trust the
 * caller: the kernel hands out credentials of roles itself. SigV4 credentials are checked by the gateway.
 */
import { createHash } from 'node:crypto';
import { writeXml } from '../s3/xml.ts';
import type { Caller, CloudContext, LocalService, ServiceError, ServiceRequest, ServiceResponse } from '../service.ts';

const NAMESPACE = 'https://sts.amazonaws.com/doc/2011-06-15/';
const VERSION = '2011-06-15';
/** Operations that issue credentials. */
const ISSUING = ['AssumeRole', 'AssumeRoleWithSAML', 'AssumeRoleWithWebIdentity', 'AssumeRoot', 'GetFederationToken', 'GetSessionToken'];
/** Session names take these characters, 2 to 64 of them. */
const NOT_IN_SESSION_NAME = /[^\w+=,.@-]/g;

interface CallerIdentity {
  UserId: string;
  Account: string;
  Arn: string;
}

/** Identity in AWS's form; the session of a function carries its name, as Lambda names it. */
function identityOf(caller: Caller, account: string): CallerIdentity {
  if (caller.kind === 'admin') return { UserId: uniqueId('AIDA', 'admin'), Account: account, Arn: `arn:aws:iam::${account}:user/admin` };
  const roleArn = caller.roleArn ?? '';
  // The path of a role is no part of its session's ARN.
  const role = roleArn.slice(roleArn.lastIndexOf('/') + 1);
  const session = (caller.functionName ?? 'session').replace(NOT_IN_SESSION_NAME, '-').slice(0, 64).padEnd(2, '-');
  const owner = roleArn.split(':')[4] || account;
  return {
    UserId: `${uniqueId('AROA', roleArn)}:${session}`,
    Account: owner,
    Arn: `arn:aws:sts::${owner}:assumed-role/${role}/${session}`,
  };
}

/** AWS's unique ids: a prefix and 17 characters; the same for the same name, so that they are stable over restarts. */
function uniqueId(prefix: string, name: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bytes = createHash('sha256').update(name).digest().subarray(0, 17);
  return prefix + Array.from(bytes, (byte) => alphabet[byte % alphabet.length]).join('');
}

export async function createSts(context: CloudContext): Promise<LocalService> {
  return {
    name: 'sts',
    scopes: ['sts'],
    resources: {},
    operation: operationOf,
    checks: (request) => {
      // GetCallerIdentity needs no permission; not even an explicit deny stops it in AWS.
      const operation = operationOf(request);
      const resource = operation === 'AssumeRole' ? parametersOf(request).get('RoleArn') : undefined;
      return resource ? [{ action: 'sts:AssumeRole', resource }] : [];
    },
    handle: async (request) => handle(context, request),
    errorResponse,
  };
}

function handle(context: CloudContext, request: ServiceRequest): ServiceResponse {
  const parameters = parametersOf(request);
  const operation = parameters.get('Action') ?? '';
  const version = parameters.get('Version') ?? VERSION;
  if (version !== VERSION) {
    return errorResponse(request, { status: 400, code: 'NoSuchVersion', message: `The requested version (${version}) is not valid.` });
  }
  if (operation === 'GetCallerIdentity') return result(request, operation, { ...identityOf(request.caller, context.account) });
  context.log('refused what the local cloud does not offer', { operation });
  if (ISSUING.includes(operation)) {
    const { Arn } = identityOf(request.caller, context.account);
    const resource = parameters.get('RoleArn') ?? '*';
    return errorResponse(request, {
      status: 403,
      code: 'AccessDenied',
      message: `User: ${Arn} is not authorized to perform: sts:${operation} on resource: ${resource} (the local cloud issues no credentials by request)`,
    });
  }
  return errorResponse(request, {
    status: 400,
    code: 'InvalidAction',
    message: `Could not find operation ${operation || '(none)'} for version ${version}`,
  });
}

/** Query protocol: parameters come in the query of a GET or in the form of a POST. */
function parametersOf(request: ServiceRequest): URLSearchParams {
  return request.method === 'POST' && request.body.length > 0
    ? new URLSearchParams(request.body.toString('utf8'))
    : request.url.searchParams;
}

function operationOf(request: ServiceRequest): string {
  return parametersOf(request).get('Action') ?? '';
}

function wantsJson(request: ServiceRequest): boolean {
  return /\bapplication\/json\b/.test(request.headers.accept ?? '');
}

function result(request: ServiceRequest, operation: string, content: Record<string, string>): ServiceResponse {
  const metadata = { RequestId: request.requestId };
  if (wantsJson(request))
    return json(request, 200, { [`${operation}Response`]: { [`${operation}Result`]: content, ResponseMetadata: metadata } });
  const body = writeXml(`${operation}Response`, { [`${operation}Result`]: content, ResponseMetadata: metadata }, NAMESPACE);
  return { status: 200, headers: headersOf(request, 'text/xml'), body };
}

function errorResponse(request: ServiceRequest, error: ServiceError): ServiceResponse {
  const code = error.code === 'AccessDeniedException' ? 'AccessDenied' : error.code;
  const content = { Type: error.status < 500 ? 'Sender' : 'Receiver', Code: code, Message: error.message };
  if (wantsJson(request)) return json(request, error.status, { Error: content, RequestId: request.requestId });
  const body = writeXml('ErrorResponse', { Error: content, RequestId: request.requestId }, NAMESPACE);
  return { status: error.status, headers: headersOf(request, 'text/xml'), body };
}

function json(request: ServiceRequest, status: number, body: unknown): ServiceResponse {
  return { status, headers: headersOf(request, 'application/json'), body: JSON.stringify(body) };
}

function headersOf(request: ServiceRequest, contentType: string): Record<string, string> {
  return { 'content-type': contentType, 'x-amzn-requestid': request.requestId };
}
