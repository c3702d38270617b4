/** Errors of KMS: all of them have status 400, apart from failures of the service. */
import type { ServiceError, ServiceRequest, ServiceResponse } from '../service.ts';

export class KmsError extends Error implements ServiceError {
  override readonly name = 'KmsError';
  readonly status = 400;
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A field is missing or out of its range. */
export function invalid(message: string): KmsError {
  return new KmsError('ValidationException', message);
}

/** Spells an error as JSON 1.1. */
export function kmsErrorResponse(request: ServiceRequest, error: ServiceError): ServiceResponse {
  return jsonAnswer(request, error.status, { __type: error.code, message: error.message });
}

export function jsonAnswer(request: ServiceRequest, status: number, body: unknown): ServiceResponse {
  const headers = { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': request.requestId };
  return { status, headers, body: body === undefined ? '' : JSON.stringify(body) };
}
