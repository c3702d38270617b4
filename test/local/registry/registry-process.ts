/** A registry in a process of its own, to be killed: `DATA` is its folder; prints its origin. */
import { openTestRegistry } from './open-test-registry.ts';

const registry = await openTestRegistry({ context: { data: process.env.DATA! } });
console.log(registry.origin);
