/** AWS JSON 1.0 as Step Functions speaks it: target header, JSON bodies, dates in seconds, errors with `__type`. */
import type { ServiceError, ServiceRequest, ServiceResponse } from '../service.ts';

const TARGET = 'AWSStepFunctions.';

/** Refusal of the API; the code is spelled as AWS spells it, e.g. `ExecutionAlreadyExists`. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly code: string;
  readonly status: number;
  constructor(code: string, message: string, status = 400) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

/** Operation of a request; empty when it names none. */
export function operationOf(request: ServiceRequest): string {
  const target = request.headers['x-amz-target'] ?? '';
  return target.startsWith(TARGET) ? target.slice(TARGET.length) : '';
}

/** Parses the body. Throws ApiError `SerializationException` for anything but an object. */
export function inputOf(request: ServiceRequest): Record<string, unknown> {
  try {
    const input: unknown = request.body.length === 0 ? {} : JSON.parse(request.body.toString('utf8'));
    if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input as Record<string, unknown>;
  } catch {
    // Answered below like every other body that is not an object.
  }
  throw new ApiError('SerializationException', 'The request body is not a JSON object');
}

export function answer(output: unknown): ServiceResponse {
  return { status: 200, headers: { 'content-type': 'application/x-amz-json-1.0' }, body: JSON.stringify(output) };
}

export function errorAnswer(error: ServiceError): ServiceResponse {
  return {
    status: error.status,
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-errortype': error.code },
    body: JSON.stringify({ __type: `com.amazonaws.states#${error.code}`, message: error.message }),
  };
}

/** Dates travel as seconds with fraction. */
export function seconds(milliseconds: number): number {
  return milliseconds / 1_000;
}

/** Reads a string of the input. Throws ApiError `ValidationException` when it is missing or too long. */
export function text(input: Record<string, unknown>, field: string, longest = 2_048): string {
  const value = input[field];
  if (typeof value !== 'string' || value.length === 0) throw invalid(field, 'Member must not be null');
  if (value.length > longest) throw invalid(field, `Member must have length less than or equal to ${longest}`);
  return value;
}

/** Like `text`, undefined when the field is absent. */
export function optionalText(input: Record<string, unknown>, field: string, longest = 2_048): string | undefined {
  const value = input[field];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw invalid(field, 'Member must be a string');
  if (value.length > longest) throw invalid(field, `Member must have length less than or equal to ${longest}`);
  return value;
}

/** Cuts a page out of a list. The token is an offset; callers who change it get another page of what they may read anyway. */
export function page<T>(input: Record<string, unknown>, list: readonly T[]): { items: T[]; nextToken?: string } {
  const wanted = input.maxResults ?? 0;
  if (!Number.isInteger(wanted) || Number(wanted) < 0 || Number(wanted) > 1_000)
    throw invalid('maxResults', 'Member must be from 0 to 1000');
  const size = Number(wanted) === 0 ? 100 : Number(wanted);
  const token = optionalText(input, 'nextToken', 3_096);
  const offset =
    token === undefined ? 0 : Number(/^o(\d{1,9})$/.exec(Buffer.from(token, 'base64url').toString('latin1'))?.[1] ?? Number.NaN);
  if (Number.isNaN(offset)) throw new ApiError('InvalidToken', `Invalid Token: '${token}'`);
  const end = offset + size;
  return {
    items: list.slice(offset, end),
    ...(end < list.length ? { nextToken: Buffer.from(`o${end}`).toString('base64url') } : {}),
  };
}

function invalid(field: string, what: string): ApiError {
  return new ApiError('ValidationException', `1 validation error detected: Value at '${field}' failed to satisfy constraint: ${what}`);
}
