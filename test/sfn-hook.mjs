// Starts the Step Functions of the local cloud for the contract suite: one loopback port, no IAM, the suite's own functions.
import { register } from 'tsx/esm/api';

register();
const { startStepFunctions } = await import('./local/step-functions/bare-server.ts');

export default async function ({ dir, timeScale, invoke }) {
  return startStepFunctions({
    data: dir,
    scale: timeScale,
    region: 'us-east-1',
    async invoke(functionArn, payload) {
      try {
        return { payload: await invoke(functionArn, payload) };
      } catch (error) {
        return { payload: null, error: { errorType: error.name, errorMessage: error.message } };
      }
    },
  });
}
