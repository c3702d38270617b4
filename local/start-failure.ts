/** A reason not to start that the command line answers with its own exit code: 2 usage, 6 something needed is taken or away. */
export class StartFailure extends Error {
  override readonly name = 'StartFailure';
  readonly code: string;
  readonly exitCode: number;
  constructor(code: string, exitCode: number, message: string) {
    super(message);
    this.code = code;
    this.exitCode = exitCode;
  }
}
