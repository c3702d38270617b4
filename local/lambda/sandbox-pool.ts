/** The sandboxes of one function: as many threads as its concurrency, a first-in first-out queue beyond. */
import type { WriteStream } from 'node:fs';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import type { CloudContext, InvokeOptions } from '../service.ts';
import type { FunctionDefinition } from './function-definition.ts';
import { LambdaRefusal } from './lambda-refusal.ts';
import type { Outcome } from './sandbox.ts';
import { Sandbox } from './sandbox.ts';
import { sandboxEnvironment } from './sandbox-environment.ts';

export interface SandboxPoolOptions {
  runtimeFile: string;
  certificate: string;
  endpoint: () => string;
}

/** Real time that an idle thread is kept. */
const KEEP_IDLE_MS = 10 * 60_000;

interface Waiting {
  requestId: string;
  event: string;
  settle: (outcome: Outcome) => void;
  waits: InvokeOptions['waits'];
}

export class SandboxPool {
  readonly definition: FunctionDefinition;
  readonly #context: CloudContext;
  readonly #options: SandboxPoolOptions;
  readonly #log: WriteStream;
  readonly #sandboxes = new Set<Sandbox>();
  readonly #idle: { sandbox: Sandbox; reaper: NodeJS.Timeout }[] = [];
  readonly #waiting: Waiting[] = [];
  #closed = false;

  constructor(definition: FunctionDefinition, context: CloudContext, options: SandboxPoolOptions) {
    this.definition = definition;
    this.#context = context;
    this.#options = options;
    this.#log = createWriteStream(join(context.folder, 'logs', `${definition.name}.log`), { flags: 'a', mode: 0o600 });
    // Ten sandboxes pipe their output and errors into the one file.
    this.#log.setMaxListeners(0);
  }

  /** Runs `event` (JSON) once a sandbox is free. Throws a `LambdaRefusal` when the function's concurrency is zero. */
  run(requestId: string, event: string, waits?: InvokeOptions['waits']): Promise<Outcome> {
    if (this.definition.concurrency === 0) {
      throw new LambdaRefusal(429, 'TooManyRequestsException', 'Rate Exceeded.');
    }
    return new Promise((settle) => {
      waits?.(true);
      this.#waiting.push({ requestId, event, settle, waits });
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { reaper } of this.#idle.splice(0)) clearTimeout(reaper);
    await Promise.all([...this.#sandboxes].map((sandbox) => sandbox.terminate()));
    const error = { errorType: 'Runtime.ExitError', errorMessage: 'The local cloud is shutting down' };
    for (const { settle } of this.#waiting.splice(0)) settle({ error });
    await new Promise<void>((resolve) => this.#log.end(() => resolve()));
  }

  #next(): void {
    while (this.#waiting.length > 0 && !this.#closed) {
      const sandbox = this.#takeIdle() ?? this.#start();
      if (!sandbox) return;
      void this.#give(sandbox, this.#waiting.shift()!);
    }
  }

  async #give(sandbox: Sandbox, { requestId, event, settle, waits }: Waiting): Promise<void> {
    const { name, arn, memoryMegabytes, logGroup, timeoutSeconds } = this.definition;
    const message = {
      requestId,
      event,
      functionName: name,
      functionArn: arn,
      memoryMegabytes,
      logGroup,
      logStream: 'local',
      timeoutMs: timeoutSeconds * 1000,
    };
    const outcome = await sandbox.run(message, () => waits?.(false));
    if (sandbox.usable) this.#rest(sandbox);
    else this.#sandboxes.delete(sandbox);
    settle(outcome);
    this.#next();
  }

  #rest(sandbox: Sandbox): void {
    const reaper = setTimeout(() => void sandbox.terminate(), KEEP_IDLE_MS);
    reaper.unref();
    this.#idle.push({ sandbox, reaper });
  }

  #takeIdle(): Sandbox | undefined {
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      clearTimeout(idle.reaper);
      if (idle.sandbox.usable) return idle.sandbox;
    }
    return undefined;
  }

  #start(): Sandbox | undefined {
    if (this.#sandboxes.size >= this.definition.concurrency) return undefined;
    const { region, clock } = this.#context;
    const credentials = this.#context.credentialsFor(this.definition.roleArn, this.definition.name);
    const place = { region, endpoint: this.#options.endpoint(), logStream: 'local' };
    const sandbox: Sandbox = new Sandbox({
      definition: this.definition,
      runtimeFile: this.#options.runtimeFile,
      certificate: this.#options.certificate,
      environment: sandboxEnvironment(this.definition, credentials, place),
      clock: clock.shared,
      log: this.#log,
      onEnd: () => {
        this.#sandboxes.delete(sandbox);
        this.#next();
      },
    });
    this.#sandboxes.add(sandbox);
    return sandbox;
  }
}
