/** Compares the closure of a digest at its source with what a target registry shows of it: pure, so that the step, the command and the repair agree. */
import { type Content, closureRoot } from './closure-root.ts';

/** One thing that must be at the target. */
export type Part =
  | { kind: 'manifest' | 'blob'; digest: string; size: number }
  /** A cosign tag that names `digest`. */
  | { kind: 'tag'; tag: string; digest: string }
  /** The target's list of referrers of `subject` has `digest`. */
  | { kind: 'referrer'; subject: string; digest: string };

/** What the target shows of a part: `other` is something else under that name. */
export type Finding = 'same' | 'absent' | 'other';

export type MissingPart = Part & { reason: 'absent' | 'different' };

export interface CopyComparison {
  complete: boolean;
  sourceRoot: string;
  /** Root over what the target has of the closure: equal to the source's exactly when no manifest and no blob is missing or different. */
  targetRoot: string;
  manifests: number;
  blobs: number;
  missing: MissingPart[];
}

export function compareCopy(parts: readonly (readonly [Part, Finding])[]): CopyComparison {
  const missing: MissingPart[] = [];
  const expected: Content[] = [];
  const shown: Content[] = [];
  for (const [part, finding] of parts) {
    if (finding !== 'same') missing.push({ ...part, reason: finding === 'absent' ? 'absent' : 'different' });
    if (part.kind !== 'manifest' && part.kind !== 'blob') continue;
    expected.push(part);
    if (finding === 'same') shown.push(part);
  }
  return {
    complete: missing.length === 0,
    sourceRoot: closureRoot(expected),
    targetRoot: closureRoot(shown),
    manifests: parts.filter(([{ kind }]) => kind === 'manifest').length,
    blobs: parts.filter(([{ kind }]) => kind === 'blob').length,
    missing,
  };
}

/** One line for people: `manifest sha256:… is not there`. */
export function missingLine(part: MissingPart): string {
  const why = part.reason === 'absent' ? 'is not there' : 'is not the same there';
  switch (part.kind) {
    case 'manifest':
    case 'blob':
      return `${part.kind} ${part.digest} (${part.size} bytes) ${why}`;
    case 'tag':
      return `tag ${part.tag} for ${part.digest} ${why}`;
    case 'referrer':
      return `${part.digest} is not listed as a referrer of ${part.subject}`;
  }
}
