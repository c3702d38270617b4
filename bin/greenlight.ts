/** The command line `greenlight`. */
import { main } from '../cli/main.ts';

await main();
