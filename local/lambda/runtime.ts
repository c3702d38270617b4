/**
 * The Node.js runtime inside a worker thread: loads the handler, runs one event after the other and shapes errors as AWS does.
 * `runtime-bundle.ts` compiles this file, so that a function's thread has no TypeScript loader and nothing else of the local cloud in it.
 * Differences to AWS: background work goes on after the answer (no freeze), `process.cwd()` is the local cloud's, no callback handlers, no streaming.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { pathToFileURL } from 'node:url';
import { parentPort, workerData } from 'node:worker_threads';
import type { FunctionError } from './lambda-refusal.ts';
import type { InvokeMessage, SandboxData, SandboxMessage } from './runtime-protocol.ts';
import { trustCertificate } from './trust-certificate.ts';
import { installVirtualDate } from './virtual-date.ts';

type Handler = (event: unknown, context: unknown) => unknown;

/** Exit status of a runtime that dies of an uncaught exception. */
const CRASHED = 129;

const port = parentPort!;
const data = workerData as SandboxData;
const post = (message: SandboxMessage): void => port.postMessage(message);

installVirtualDate(data.clock);
trustCertificate(data.certificate);
process.on('uncaughtException', (error) => crash(errorOf(error)));
process.on('unhandledRejection', (reason) => {
  const { errorMessage, trace, errorType } = errorOf(reason);
  crash({
    errorType: 'Runtime.UnhandledPromiseRejection',
    errorMessage: reason instanceof Error ? `${errorType}: ${errorMessage}` : errorMessage,
    trace: trace ?? [],
  });
});

try {
  const handler = await loadHandler(data.codeFolder, data.handler);
  port.on('message', (message: InvokeMessage) => void run(handler, message));
  post({ type: 'ready' });
} catch (error) {
  post({ type: 'initFailed', error: errorOf(error) });
}

async function run(handler: Handler, message: InvokeMessage): Promise<void> {
  const { requestId } = message;
  try {
    const result = await handler(JSON.parse(message.event), contextOf(message));
    post({ type: 'result', requestId, payload: serialized(result) });
  } catch (error) {
    post({ type: 'failed', requestId, error: errorOf(error) });
  }
}

function contextOf(message: InvokeMessage): Record<string, unknown> {
  const deadline = performance.now() + message.timeoutMs;
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: message.functionName,
    functionVersion: '$LATEST',
    invokedFunctionArn: message.functionArn,
    memoryLimitInMB: String(message.memoryMegabytes),
    awsRequestId: message.requestId,
    logGroupName: message.logGroup,
    logStreamName: message.logStream,
    getRemainingTimeInMillis: () => Math.max(0, Math.round(deadline - performance.now())),
  };
}

async function loadHandler(folder: string, spec: string): Promise<Handler> {
  const dot = spec.lastIndexOf('.');
  const path = join(folder, spec.slice(0, dot));
  const name = spec.slice(dot + 1);
  const file = ['.js', '.mjs', '.cjs'].map((extension) => path + extension).find((candidate) => existsSync(candidate));
  if (file === undefined) throw named('Runtime.ImportModuleError', `Error: Cannot find module '${spec.slice(0, dot)}'`);
  const module = (await import(pathToFileURL(file).href)) as Record<string, unknown> & { default?: Record<string, unknown> };
  const handler = module[name] ?? module.default?.[name];
  if (handler === undefined) throw named('Runtime.HandlerNotFound', `${spec} is undefined or not exported`);
  if (typeof handler !== 'function') throw named('Runtime.HandlerNotFound', `${spec} is not a function`);
  if (handler.length >= 3) throw named('Runtime.CallbackHandlerDeprecated', `${spec} takes a callback: use an async handler`);
  return handler as Handler;
}

function serialized(result: unknown): string {
  try {
    return JSON.stringify(result) ?? 'null';
  } catch {
    throw named('Runtime.MarshalError', 'Unable to stringify response body');
  }
}

function crash(error: FunctionError): void {
  post({ type: 'crashed', error });
  process.exit(CRASHED);
}

function errorOf(error: unknown): FunctionError {
  if (error instanceof Error) {
    return { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') };
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] };
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
