/** One worker thread that runs one event at a time, as a Lambda execution environment does. */
import type { WriteStream } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { FunctionDefinition } from './function-definition.ts';
import type { FunctionError } from './lambda-refusal.ts';
import type { InvokeMessage, SandboxData, SandboxMessage } from './runtime-protocol.ts';

/** JSON of the result, or what failed. */
export type Outcome = { payload: string } | { error: FunctionError };

export interface SandboxOptions {
  definition: FunctionDefinition;
  runtimeFile: string;
  environment: Record<string, string>;
  certificate: string;
  clock: SharedArrayBuffer;
  log: WriteStream;
  /** Called once when the thread has ended, for whatever reason. */
  onEnd: () => void;
}

/** Real time to load a bundle. AWS gives 10 s on its own processors; here many functions may start at once on two. */
const INIT_LIMIT_MS = 60_000;
/** Answers above this are errors, as on AWS. */
const LARGEST_RESPONSE = 6 * 1024 * 1024 + 100;

interface Job {
  message: InvokeMessage;
  begins: () => void;
  settle: (outcome: Outcome) => void;
}

export class Sandbox {
  readonly #worker: Worker;
  readonly #definition: FunctionDefinition;
  readonly #log: WriteStream;
  readonly #onEnd: () => void;
  #ready = false;
  #ended = false;
  #job: Job | undefined;
  #limit: NodeJS.Timeout | undefined;

  constructor(options: SandboxOptions) {
    const { definition } = options;
    this.#definition = definition;
    this.#log = options.log;
    this.#onEnd = options.onEnd;
    const data: SandboxData = {
      handler: definition.handler,
      codeFolder: definition.codeFolder,
      certificate: options.certificate,
      clock: options.clock,
    };
    this.#worker = new Worker(options.runtimeFile, {
      workerData: data,
      env: options.environment,
      // Neither the loader of the local cloud nor its flags belong to a function.
      execArgv: [],
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: definition.memoryMegabytes },
    });
    this.#worker.stdout.pipe(this.#log, { end: false });
    this.#worker.stderr.pipe(this.#log, { end: false });
    this.#worker.on('message', (message: SandboxMessage) => this.#receive(message));
    this.#worker.on('error', (error: NodeJS.ErrnoException) => this.#fail(threadError(error, this.#requestId)));
    this.#worker.on('exit', (code) => this.#exited(code));
    this.#limit = setTimeout(() => this.#timeOut(INIT_LIMIT_MS / 1000), INIT_LIMIT_MS);
  }

  /** True when an event can be given to it. */
  get usable(): boolean {
    return !this.#ended && this.#job === undefined;
  }

  /** `begins` is called when the bundle is loaded and the event given to it. */
  run(message: InvokeMessage, begins: () => void = () => {}): Promise<Outcome> {
    return new Promise((settle) => {
      this.#job = { message, begins, settle };
      if (this.#ready) this.#send();
    });
  }

  async terminate(): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#limit);
    await this.#worker.terminate();
  }

  get #requestId(): string {
    return this.#job?.message.requestId ?? '-';
  }

  #send(): void {
    const { message, begins } = this.#job!;
    begins();
    this.#log.write(`START RequestId: ${message.requestId} Version: $LATEST\n`);
    this.#limit = setTimeout(() => this.#timeOut(this.#definition.timeoutSeconds), message.timeoutMs);
    this.#worker.postMessage(message);
  }

  #receive(message: SandboxMessage): void {
    switch (message.type) {
      case 'ready':
        clearTimeout(this.#limit);
        this.#ready = true;
        if (this.#job) this.#send();
        return;
      case 'initFailed':
      case 'crashed':
        this.#fail(message.error);
        void this.#worker.terminate();
        return;
      case 'failed':
        if (message.requestId === this.#job?.message.requestId) this.#settle({ error: message.error });
        return;
      case 'result':
        if (message.requestId === this.#job?.message.requestId) this.#settle(sized(message.payload));
    }
  }

  #timeOut(seconds: number): void {
    this.#fail({ errorType: 'Sandbox.Timedout', errorMessage: `${this.#requestId} Task timed out after ${seconds.toFixed(2)} seconds` });
    void this.#worker.terminate();
  }

  #exited(code: number): void {
    const reason = code === 0 ? 'without providing a reason' : `with error: exit status ${code}`;
    this.#fail({ errorType: 'Runtime.ExitError', errorMessage: `RequestId: ${this.#requestId} Error: Runtime exited ${reason}` });
    this.#onEnd();
  }

  #fail(error: FunctionError): void {
    this.#ended = true;
    clearTimeout(this.#limit);
    if (this.#job) this.#settle({ error });
  }

  #settle(outcome: Outcome): void {
    const job = this.#job!;
    this.#job = undefined;
    clearTimeout(this.#limit);
    if ('error' in outcome) this.#log.write(`ERROR RequestId: ${job.message.requestId} ${JSON.stringify(outcome.error)}\n`);
    this.#log.write(`END RequestId: ${job.message.requestId}\n`);
    job.settle(outcome);
  }
}

function sized(payload: string): Outcome {
  if (Buffer.byteLength(payload) <= LARGEST_RESPONSE) return { payload };
  const errorMessage = `Response payload size exceeded maximum allowed payload size (${LARGEST_RESPONSE} bytes).`;
  return { error: { errorType: 'Function.ResponseSizeTooLarge', errorMessage } };
}

function threadError(error: NodeJS.ErrnoException, requestId: string): FunctionError {
  const reason = error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'signal: killed' : error.message;
  return { errorType: 'Runtime.ExitError', errorMessage: `RequestId: ${requestId} Error: Runtime exited with error: ${reason}` };
}
