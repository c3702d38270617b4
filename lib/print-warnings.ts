import type { CloudAssembly } from 'aws-cdk-lib/cx-api';

/** Says on stderr what stacks warn of: only the CDK command line does so by itself, and `npm run synth` runs without it. */
export function printWarnings({ stacksRecursively }: Pick<CloudAssembly, 'stacksRecursively'>): void {
  if (process.env['CDK_CLI_VERSION'] !== undefined) return;
  for (const { stackName, messages } of stacksRecursively) {
    for (const { level, entry } of messages) if (level === 'warning') console.error(`warning, ${stackName}: ${String(entry.data)}`);
  }
}
