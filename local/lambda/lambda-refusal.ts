/** What the Lambda service itself answers with an error, before or instead of running a function. */
import type { ServiceError } from '../service.ts';

export class LambdaRefusal extends Error implements ServiceError {
  override readonly name = 'LambdaRefusal';
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** 404, as the Invoke API words it. */
export function functionNotFound(functionArn: string): LambdaRefusal {
  return new LambdaRefusal(404, 'ResourceNotFoundException', `Function not found: ${functionArn}`);
}

/** Why an invocation failed: `errorType` is the exception's name. */
export interface FunctionError {
  errorType: string;
  errorMessage: string;
  trace?: string[];
}
