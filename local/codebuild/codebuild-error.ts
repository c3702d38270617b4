/** A refusal of CodeBuild, spelled as JSON 1.1 does. */
export class CodeBuildError extends Error {
  override readonly name = 'CodeBuildError';
  readonly code: string;
  readonly status = 400;

  constructor(code: 'InvalidInputException' | 'ResourceNotFoundException' | 'UnknownOperationException', message: string) {
    super(message);
    this.code = code;
  }
}

/** Throws InvalidInputException for keys that would be ignored. */
export function refuseUnknown(what: string, given: object, known: readonly string[]): void {
  const unknown = Object.entries(given).filter(([key, value]) => value !== undefined && value !== null && !known.includes(key));
  if (unknown.length === 0) return;
  throw new CodeBuildError('InvalidInputException', `${what}: the local cloud does not support ${unknown.map(([key]) => key).join(', ')}`);
}
