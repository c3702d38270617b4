/** `greenlight audit verify-proof`: whether a proof holds, with nothing but the public key. */
import { readFile } from 'node:fs/promises';
import { type Command, Option } from 'commander';
import { faultOfProof, readProofFile } from '../../core/audit/proof-file.ts';
import { auditFailure } from '../audit/audit-failure.ts';
import { readKey, WrongUse } from '../audit/read-key.ts';
import { EXIT } from '../failure.ts';
import { notEmpty } from '../operands.ts';
import { oneLine } from '../output.ts';
import { type VerbContext, verb } from '../verb.ts';

export function verifyProofVerb(context: VerbContext): Command {
  return verb<{ key: string; json?: boolean }>(context, 'verify-proof FILE', {
    summary: 'Checks such a file with nothing but the public key',
    examples: [
      'audit verify-proof proof.json --key audit.pub',
      'audit verify-proof proof.json --key audit.pub --json',
      'audit verify-proof ./proofs/3f1c.json --key ./audit.pub',
    ],
    local: true,
    run: async ({ output }, [path], { key }) => {
      const { proof, trusted } = await readBoth(path!, key);
      const fault = faultOfProof(proof, [trusted]);
      // A line behind the end of its own log is no proof of anything: wrong use, and not a forged log.
      if (fault?.reason === 'BAD_PROOF') throw auditFailure(new WrongUse(fault.detail));
      const event = fault ? undefined : (JSON.parse(proof.line) as { type?: unknown; rid?: unknown; ts?: unknown });
      output.document({ valid: !fault, index: proof.index, ...(fault ? { invalid: fault } : { event }) });
      if (fault) output.line(`INVALID ${fault.reason}: ${oneLine(fault.detail)}`);
      else output.line(`valid: line ${proof.index} of the log: ${oneLine(`${event!.type} of ${event!.rid} at ${event!.ts}`)}`);
      return fault ? EXIT.no : EXIT.done;
    },
  }).addOption(new Option('--key <FILE>', 'public key of the log (PEM)').argParser(notEmpty).makeOptionMandatory());
}

async function readBoth(path: string, keyFile: string) {
  try {
    const trusted = await readKey(keyFile);
    const proof = readProofFile(await readFile(path));
    if (!proof) throw new WrongUse(`${path} is no proof: make one with greenlight audit prove ID`);
    return { proof, trusted };
  } catch (error) {
    throw auditFailure(error);
  }
}
