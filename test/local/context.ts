/** A CloudContext over a temporary folder, for tests of one service alone. */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Clock } from '../../local/clock.ts';
import { Listeners } from '../../local/listeners.ts';
import type { BusEvent, Caller, CallRecord, CloudContext, IamCheck, InvokeOptions, InvokeResult } from '../../local/service.ts';

/** What `makeContext` answers: the context, what the service did through it, and the means to restart over the same data. */
export interface TestContext extends CloudContext {
  /** Folder of the whole local cloud; hand it to another `makeContext` to restart over the same data. */
  readonly data: string;
  readonly emitted: BusEvent[];
  readonly invoked: { functionArn: string; payload: unknown; options?: InvokeOptions }[];
  readonly logged: { message: string; fields?: Record<string, unknown> }[];
  readonly calls: CallRecord[];
  /** Closes clock and listeners and keeps the data, as a stop does. */
  stop(): Promise<void>;
  /** Closes everything and deletes the data. */
  dispose(): Promise<void>;
}

export interface TestContextOptions {
  /** Data folder of an earlier context, to restart over. */
  data?: string;
  scale?: number;
  invoke?(functionArn: string, payload: unknown, options?: InvokeOptions): Promise<InvokeResult>;
  emit?(event: BusEvent): Promise<void>;
  allowed?(caller: Caller, check: IamCheck): Promise<boolean>;
}

/** Makes a context for the service `name`; functions answer null, everything is allowed, and events are only recorded unless an option says otherwise. */
export function makeContext(name: string, options: TestContextOptions = {}): TestContext {
  const data = options.data ?? mkdtempSync(join(tmpdir(), `greenlight-${name}-`));
  const folder = join(data, name);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const clock = new Clock({ file: join(data, 'clock.json'), ...(options.scale === undefined ? {} : { scale: options.scale }) });
  const listeners = new Listeners(data);
  const stop = async () => {
    clock.close();
    await listeners.close();
  };
  const context: TestContext = {
    clock,
    folder,
    data,
    listeners,
    region: 'eu-central-1',
    account: '000000000000',
    emitted: [],
    invoked: [],
    logged: [],
    calls: [],
    async invoke(functionArn, payload, invokeOptions) {
      context.invoked.push({ functionArn, payload, ...(invokeOptions ? { options: invokeOptions } : {}) });
      return options.invoke ? options.invoke(functionArn, payload, invokeOptions) : { payload: null };
    },
    async emit(event) {
      context.emitted.push(event);
      await options.emit?.(event);
    },
    credentialsFor: (roleArn, functionName) => ({
      accessKeyId: 'ASIAEXAMPLE',
      secretAccessKey: `secret of ${functionName}`,
      sessionToken: `token of ${roleArn}`,
    }),
    allowed: async (caller, check) => (options.allowed ? options.allowed(caller, check) : true),
    fault: async () => undefined,
    recordCall: (call) => void context.calls.push(call),
    log: (message, fields) => void context.logged.push({ message, ...(fields ? { fields } : {}) }),
    stop,
    async dispose() {
      await stop();
      rmSync(data, { recursive: true, force: true });
    },
  };
  return context;
}
