/** Program that crash.test.ts kills: serves the data folder in argv[2] and writes each function call to calls.log there, on disk, before it answers. */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { startStepFunctions } from './bare-server.ts';

const data = process.argv[2]!;
const server = await startStepFunctions({
  data,
  async invoke(functionArn, payload) {
    const name = functionArn.split(':').at(-1)!;
    appendFileSync(join(data, 'calls.log'), `${JSON.stringify({ name, payload })}\n`);
    if (name === 'hang' && process.argv[3] === 'hang') await new Promise(() => undefined);
    return { payload: { name } };
  },
});
process.stdout.write(`${server.endpoint}\n`);
