/** Errors as DynamoDB spells them on the wire (JSON 1.0). */
import type { EngineError, Item } from 'dynalite/db/index.js';
import type { ServiceError, ServiceResponse } from '../service.ts';

/** A refusal with DynamoDB's error name and, where AWS sends more than a message, its further members. */
export class DynamoDbError extends Error {
  readonly code: string;
  readonly status: number;
  readonly members: Record<string, unknown>;

  constructor(code: string, message: string, members: Record<string, unknown> = {}, status = 400) {
    super(message);
    this.name = code;
    this.code = code;
    this.status = status;
    this.members = members;
  }
}

export const validation = (message: string): DynamoDbError => new DynamoDbError('ValidationException', message);

export const tableNotFound = (table?: string): DynamoDbError =>
  new DynamoDbError('ResourceNotFoundException', `Requested resource not found${table ? `: Table: ${table} not found` : ''}`);

/** Names that AWS's front end answers before DynamoDB sees the request. */
const FRONT_END = new Set([
  'AccessDeniedException',
  'UnknownOperationException',
  'SerializationException',
  'UnrecognizedClientException',
  'MissingAuthenticationTokenException',
  'IncompleteSignatureException',
  'InvalidSignatureException',
  'ExpiredTokenException',
]);

/** `com.amazonaws.dynamodb.v20120810#X`, or the name space that AWS uses for this error. */
function typeOf(code: string): string {
  if (FRONT_END.has(code)) return `com.amazon.coral.service#${code}`;
  if (code === 'ValidationException') return 'com.amazon.coral.validate#ValidationException';
  return `com.amazonaws.dynamodb.v20120810#${code}`;
}

export const json = (status: number, body: unknown): ServiceResponse => ({
  status,
  headers: { 'content-type': 'application/x-amz-json-1.0' },
  body: JSON.stringify(body),
});

export const errorAnswer = (error: ServiceError & { members?: Record<string, unknown> }): ServiceResponse =>
  json(error.status, { __type: typeOf(error.code), message: error.message, ...error.members });

/** The error of a dynalite action as ours. An error without an answer is a defect and is thrown on. */
export function fromEngine(error: unknown, item?: Item): DynamoDbError {
  if (error instanceof DynamoDbError) return error;
  const { body, statusCode } = error as EngineError;
  if (!body) throw error;
  const code = body.__type.split('#').pop() ?? 'InternalServerError';
  return new DynamoDbError(code, body.message ?? body.Message ?? '', item ? { Item: item } : {}, statusCode ?? 400);
}
