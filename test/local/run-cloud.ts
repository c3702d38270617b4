/** Runs a cloud in a process of its own, for tests that kill it: `tsx run-cloud.ts ASSEMBLY DATA`. Prints the origin of the API when ready. */
import { startCloud } from '../../local/cloud.ts';
import { EMPTY_WORLD } from '../../local/world.ts';

const [assembly, dataFolder] = process.argv.slice(2);
const world = { ...EMPTY_WORLD, parameters: () => ({ Greeting: 'hello' }) };
const cloud = await startCloud({ assembly: assembly!, dataFolder: dataFolder!, world });
process.once('SIGTERM', () => void cloud.close().then(() => process.exit(0)));
console.log(cloud.endpoints.api);
