import { describe, expect, it } from 'vitest';
import { closureRoot } from '../../../core/registry/closure-root.ts';
import { compareCopy, type Finding, missingLine, type Part } from '../../../core/registry/copy-comparison.ts';

const digest = (letter: string) => `sha256:${letter.repeat(64)}`;
const PARTS: Part[] = [
  { kind: 'manifest', digest: digest('a'), size: 500 },
  { kind: 'manifest', digest: digest('b'), size: 300 },
  { kind: 'blob', digest: digest('c'), size: 7_000 },
  { kind: 'tag', tag: `sha256-${'a'.repeat(64)}.sig`, digest: digest('b') },
  { kind: 'referrer', subject: digest('a'), digest: digest('b') },
];
const WORDS: Finding[] = ['same', 'absent', 'other'];

describe('a copy', () => {
  it('is complete exactly when every part is the same, whatever the findings', () => {
    for (let mask = 0; mask < 3 ** PARTS.length; mask++) {
      const findings = PARTS.map((_part, index) => WORDS[Math.floor(mask / 3 ** index) % 3]!);
      const compared = compareCopy(PARTS.map((part, index) => [part, findings[index]!] as const));
      const isSame = findings.every((finding) => finding === 'same');
      expect(compared.complete).toBe(isSame);
      expect(compared.missing.map(({ reason, kind }) => `${kind} ${reason}`)).toEqual(
        PARTS.flatMap(({ kind }, index) => {
          const finding = findings[index];
          return finding === 'same' ? [] : [`${kind} ${finding === 'absent' ? 'absent' : 'different'}`];
        }),
      );
      // The roots speak of content: tags and lists of referrers are names for it.
      const contentIsSame = findings.slice(0, 3).every((finding) => finding === 'same');
      expect(compared.targetRoot === compared.sourceRoot).toBe(contentIsSame);
      expect([compared.manifests, compared.blobs]).toEqual([2, 1]);
    }
  });

  it('has the root of what was copied, in whatever order it was read', () => {
    const { sourceRoot } = compareCopy([...PARTS].reverse().map((part) => [part, 'same'] as const));
    expect(sourceRoot).toBe(closureRoot(PARTS.slice(0, 3) as { digest: string; size: number }[]));
  });

  it('says each missing part in words', () => {
    const { missing } = compareCopy(PARTS.map((part, index) => [part, index === 2 ? 'other' : 'absent'] as const));
    expect(missing.map(missingLine)).toEqual([
      `manifest ${digest('a')} (500 bytes) is not there`,
      `manifest ${digest('b')} (300 bytes) is not there`,
      `blob ${digest('c')} (7000 bytes) is not the same there`,
      `tag sha256-${'a'.repeat(64)}.sig for ${digest('b')} is not there`,
      `${digest('b')} is not listed as a referrer of ${digest('a')}`,
    ]);
  });
});
