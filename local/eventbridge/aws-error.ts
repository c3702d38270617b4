/** An error that a service answers on purpose, before its protocol spells it. */
import type { ServiceError } from '../service.ts';

export class AwsError extends Error implements ServiceError {
  override readonly name = 'AwsError';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}
