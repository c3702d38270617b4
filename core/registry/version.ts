/** Versions as users write them, and the tags they may mean. */

/** Tag grammar of the OCI distribution specification. */
export const TAG_GRAMMAR = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/** The version without a suffix that equals an environment's name: `v1.2.3-dev` is version `v1.2.3`. A prerelease such as `-rc1` stays. */
export function withoutEnvironment(version: string, environments: readonly string[]): string {
  const suffix = environments.find((name) => version.endsWith(`-${name}`) && version.length > name.length + 1);
  return suffix === undefined ? version : version.slice(0, -(suffix.length + 1));
}

/** One key for all spellings of a version: `v1.2.3`, `1.2.3` and `1.2.3-prod` are one, where prod is an environment. */
export function versionKey(text: string, environments: readonly string[]): string {
  return withoutEnvironment(text, environments).replace(/^v(?=[0-9])/, '');
}

/** Tags that the engine moves, or that cosign and the referrers fallback use. They are no versions. */
export function isReservedTag(tag: string): boolean {
  return /^v?latest(?:-|$)/.test(tag) || /^sha256-[a-f0-9]{64}(?:$|\.)/.test(tag);
}

/** Tags to try in the source registry, in order: `<v>-<source>`, the same with a leading `v` added or removed, `<v>`, and that so too. */
export function tagCandidates(version: string, environments: readonly string[], source: string): { tag: string; releaseVersion: string }[] {
  const plain = withoutEnvironment(version, environments);
  const other = plain.startsWith('v') ? plain.slice(1) : `v${plain}`;
  const spellings = other === '' ? [plain] : [plain, other];
  return [
    ...spellings.map((spelling) => ({ tag: `${spelling}-${source}`, releaseVersion: spelling })),
    ...spellings.map((spelling) => ({ tag: spelling, releaseVersion: spelling })),
  ].filter(({ tag }) => TAG_GRAMMAR.test(tag));
}

/** Tag that marks a promotion to an environment. Immutable. */
export function environmentTag(releaseVersion: string, environment: string): string {
  return `${releaseVersion}-${environment}`;
}

/** Tag that names what is in an environment. Moved by the engine only. */
export function latestTag(environment: string): string {
  return `latest-${environment}`;
}
