/** How AWS answers a request that it cannot authenticate: each protocol has its own code for the same refusal. */
import type { ServiceError } from './service.ts';
import type { Refusal } from './sigv4/authenticate.ts';

/** `rest-xml` is S3, `query` the form protocol of SES, SNS and STS, `json` everything else. */
type Protocol = 'rest-xml' | 'query' | 'json';

const QUERY_SCOPES = new Set(['ses', 'sns', 'sts', 'iam', 'monitoring', 'cloudformation']);

const INVALID_TOKEN = 'The security token included in the request is invalid.';
const OLD_SIGNATURE = 'The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.';
const MISMATCH =
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.';

const ERRORS: Readonly<Record<Refusal, Readonly<Record<Protocol, ServiceError>>>> = {
  unsigned: {
    'rest-xml': { status: 403, code: 'AccessDenied', message: 'Access Denied' },
    query: { status: 403, code: 'MissingAuthenticationToken', message: 'Request is missing Authentication Token' },
    json: { status: 400, code: 'MissingAuthenticationTokenException', message: 'Missing Authentication Token' },
  },
  'old-signature': {
    'rest-xml': { status: 400, code: 'InvalidRequest', message: OLD_SIGNATURE },
    query: { status: 403, code: 'IncompleteSignature', message: OLD_SIGNATURE },
    json: { status: 400, code: 'IncompleteSignatureException', message: OLD_SIGNATURE },
  },
  'unknown-key': {
    'rest-xml': { status: 403, code: 'InvalidAccessKeyId', message: 'The AWS Access Key Id you provided does not exist in our records.' },
    query: { status: 403, code: 'InvalidClientTokenId', message: INVALID_TOKEN },
    json: { status: 400, code: 'UnrecognizedClientException', message: INVALID_TOKEN },
  },
  'bad-token': {
    'rest-xml': { status: 400, code: 'InvalidToken', message: 'The provided token is malformed or otherwise invalid.' },
    query: { status: 403, code: 'InvalidClientTokenId', message: INVALID_TOKEN },
    json: { status: 400, code: 'UnrecognizedClientException', message: INVALID_TOKEN },
  },
  'bad-signature': {
    'rest-xml': { status: 403, code: 'SignatureDoesNotMatch', message: MISMATCH },
    query: { status: 403, code: 'SignatureDoesNotMatch', message: MISMATCH },
    json: { status: 400, code: 'InvalidSignatureException', message: MISMATCH },
  },
  'bad-payload-hash': {
    'rest-xml': {
      status: 400,
      code: 'XAmzContentSHA256Mismatch',
      message: "The provided 'x-amz-content-sha256' header does not match what was computed.",
    },
    query: { status: 403, code: 'SignatureDoesNotMatch', message: MISMATCH },
    json: { status: 400, code: 'InvalidSignatureException', message: MISMATCH },
  },
  'bad-body': {
    'rest-xml': {
      status: 400,
      code: 'IncompleteBody',
      message: 'The request body is not the aws-chunked encoding that its headers announce.',
    },
    query: { status: 400, code: 'MalformedInput', message: 'The request body cannot be read.' },
    json: { status: 400, code: 'SerializationException', message: 'The request body cannot be read.' },
  },
  expired: {
    'rest-xml': { status: 403, code: 'AccessDenied', message: 'Request has expired' },
    query: { status: 403, code: 'SignatureDoesNotMatch', message: 'Signature expired' },
    json: { status: 400, code: 'InvalidSignatureException', message: 'Signature expired' },
  },
};

/** REST services answer 403 where those that post JSON to `/` answer 400. */
const REST_JSON_SCOPES = new Set(['lambda', 'eks', 'apigateway']);

export function authError(refusal: Refusal, scope: string): ServiceError {
  const protocol: Protocol = scope === 's3' ? 'rest-xml' : QUERY_SCOPES.has(scope) ? 'query' : 'json';
  const error = ERRORS[refusal][protocol];
  return REST_JSON_SCOPES.has(scope) && refusal !== 'bad-body' ? { ...error, status: 403 } : error;
}

/** The same for an action that IAM refuses. */
export function denialError(scope: string, message: string): ServiceError {
  if (scope === 's3') return { status: 403, code: 'AccessDenied', message };
  if (QUERY_SCOPES.has(scope)) return { status: 403, code: 'AccessDenied', message };
  return { status: REST_JSON_SCOPES.has(scope) ? 403 : 400, code: 'AccessDeniedException', message };
}
