/** Signed results of gates and of jobs. */
import { finishGate } from './gate/finish-gate.http.ts';
import { httpHandler } from './kit/http-handler.ts';
import { finishJob } from './rollout/finish-job.http.ts';

export const handler = httpHandler('hooks', { finishGate, finishJob });
