/** Signed results of gates. */
import { finishGate } from './gate/finish-gate.http.ts';
import { httpHandler } from './kit/http-handler.ts';

export const handler = httpHandler('hooks', { finishGate });
