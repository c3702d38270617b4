/** The world that `npm start` runs the stacks in. */
import type { World } from '../world.ts';
import { demoWorld } from './demo-world.ts';
import { readPeople } from './people.ts';

export const world: World = demoWorld(readPeople());
