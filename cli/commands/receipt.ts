/** `greenlight receipt` and `greenlight verify-receipt`: the proof of one promotion, and whether it holds. */
import { type Command, Option } from 'commander';
import { readKey } from '../audit/read-key.ts';
