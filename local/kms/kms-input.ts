/** Reads the JSON input of a KMS request and the fields that operations share. */
import type { ServiceRequest } from '../service.ts';
import { invalid, KmsError } from './kms-error.ts';

export type KmsInput = Record<string, unknown>;

const TARGET = 'TrentService.';
/** Longest message, plaintext and digest, in bytes. */
export const MESSAGE_LIMIT = 4096;
/** Longest ciphertext and signature, in bytes. */
const BLOB_LIMIT = 6144;

/** Operation in AWS's spelling; empty when the request names none of KMS. */
export function operationIn(request: ServiceRequest): string {
  const target = request.headers['x-amz-target'] ?? '';
  return target.startsWith(TARGET) ? target.slice(TARGET.length) : '';
}

/** Throws SerializationException. */
export function inputOf(request: ServiceRequest): KmsInput {
  try {
    const input: unknown = JSON.parse(request.body.toString('utf8') || '{}');
    if (typeof input === 'object' && input !== null && !Array.isArray(input)) return input as KmsInput;
  } catch {
    // Answered below, as every body that is not an object.
  }
  throw new KmsError('SerializationException', 'The request body is not a JSON object');
}

/** A blob in base64 of 1 to `limit` bytes. Throws ValidationException. */
export function blob(input: KmsInput, field: string, limit = BLOB_LIMIT): Buffer {
  const value = input[field];
  const bytes = typeof value === 'string' ? Buffer.from(value, 'base64') : undefined;
  const name = field[0]!.toLowerCase() + field.slice(1);
  if (!bytes) throw invalid(`1 validation error detected: Value at '${name}' failed to satisfy constraint: Member must not be null`);
  if (bytes.length < 1) {
    throw invalid(
      `1 validation error detected: Value at '${name}' failed to satisfy constraint: Member must have length greater than or equal to 1`,
    );
  }
  if (bytes.length > limit) {
    throw invalid(
      `1 validation error detected: Value at '${name}' failed to satisfy constraint: Member must have length less than or equal to ${limit}`,
    );
  }
  return bytes;
}

/** A text out of a list, or the default. Throws ValidationException. */
export function choice<T extends string>(input: KmsInput, field: string, allowed: readonly T[], otherwise?: T): T {
  const value = input[field] ?? otherwise;
  if (typeof value === 'string' && (allowed as readonly string[]).includes(value)) return value as T;
  throw invalid(
    `1 validation error detected: Value at '${field}' failed to satisfy constraint: Member must satisfy enum value set: [${allowed.join(', ')}]`,
  );
}

/** An integer in a range, or the default. Throws ValidationException. */
export function integer(input: KmsInput, field: string, [low, high]: [number, number], otherwise: number): number {
  const value = input[field] ?? otherwise;
  if (typeof value === 'number' && Number.isInteger(value) && value >= low && value <= high) return value;
  throw invalid(`1 validation error detected: Value at '${field}' failed to satisfy constraint: Member must be between ${low} and ${high}`);
}

/** Encryption context: text by text. Throws ValidationException. */
export function encryptionContext(input: KmsInput): Record<string, string> {
  const context = input.EncryptionContext ?? {};
  const isMap = typeof context === 'object' && !Array.isArray(context);
  if (isMap && Object.values(context as object).every((value) => typeof value === 'string')) return context as Record<string, string>;
  throw invalid("1 validation error detected: Value at 'encryptionContext' is not a map of strings");
}
