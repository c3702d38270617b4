/** Messages between the pool (main thread) and the runtime inside a worker thread. */
import type { FunctionError } from './lambda-refusal.ts';

/** `workerData` of a sandbox. */
export interface SandboxData {
  handler: string;
  codeFolder: string;
  /** PEM of the local certificate authority, trusted beside the public ones. */
  certificate: string;
  /** See `Clock.shared`. */
  clock: SharedArrayBuffer;
}

export interface InvokeMessage {
  requestId: string;
  /** JSON. */
  event: string;
  functionName: string;
  functionArn: string;
  memoryMegabytes: number;
  logGroup: string;
  logStream: string;
  /** Real milliseconds left when the message is sent. */
  timeoutMs: number;
}

export type SandboxMessage =
  | { type: 'ready' }
  | { type: 'initFailed'; error: FunctionError }
  | { type: 'result'; requestId: string; payload: string }
  | { type: 'failed'; requestId: string; error: FunctionError }
  /** The runtime ends after this: an exception that no handler caught. */
  | { type: 'crashed'; error: FunctionError };
