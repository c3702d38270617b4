/** Problems of an object's fields, in the words of the API server's 422 answers. */
import type { StatusCause } from '../kube-error.ts';

/** Collects causes; `field` is a path such as `spec.replicas`. */
export class Problems {
  readonly causes: StatusCause[] = [];

  required(field: string, message = ''): void {
    this.causes.push({ reason: 'FieldValueRequired', message: `Required value${message ? `: ${message}` : ''}`, field });
  }

  invalid(field: string, value: unknown, message: string): void {
    this.causes.push({ reason: 'FieldValueInvalid', message: `Invalid value: ${JSON.stringify(value)}: ${message}`, field });
  }

  unsupported(field: string, value: unknown, supported: string[]): void {
    const list = supported.map((each) => JSON.stringify(each)).join(', ');
    this.causes.push({
      reason: 'FieldValueNotSupported',
      message: `Unsupported value: ${JSON.stringify(value)}: supported values: ${list}`,
      field,
    });
  }

  forbidden(field: string, message: string): void {
    this.causes.push({ reason: 'FieldValueForbidden', message: `Forbidden: ${message}`, field });
  }

  duplicate(field: string, value: unknown): void {
    this.causes.push({ reason: 'FieldValueDuplicate', message: `Duplicate value: ${JSON.stringify(value)}`, field });
  }

  /** A whole number of at least `least`. */
  atLeast(field: string, value: unknown, least = 0): void {
    if (value !== undefined && !(Number(value) >= least)) this.invalid(field, value, `must be greater than or equal to ${least}`);
  }
}

/** Stands beside problems that keep the rules of a custom resource from being asked. */
export const UNCHECKED: StatusCause = {
  reason: 'FieldValueInvalid',
  message:
    'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
  field: '<nil>',
};

export const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
export const LABEL_MESSAGE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
