/** Which registries of an environment a promotion writes to, and which of them must hold the artifact before anything else happens. */
import { Refusal } from '../errors.ts';

/** Place in an environment's list of registries: the first is what its workloads pull from, the others are copies for disaster recovery. */
export const REGISTRY_ROLES = ['primary', 'secondary', 'tertiary', 'further'] as const;
export type RegistryRole = (typeof REGISTRY_ROLES)[number];

/** `all`: every target must verify before a tag moves. `primary`: the first only; what the others lack is shown and repaired later. */
export type RequiredRegistries = 'all' | 'primary';

export function registryRole(index: number): RegistryRole {
  return REGISTRY_ROLES[Math.min(index, REGISTRY_ROLES.length - 1)]!;
}

/**
 * The registries to write to, in the environment's order. `asked` are names or places (`primary`, `secondary`, `tertiary`) as the user wrote them; a
 * registry of that name comes before the place. Absent: all. Refusal VERSION_REFUSED for a registry that the environment does not have, and for a
 * choice without the primary unless `withoutPrimary`: the environment would run from a registry that lacks the artifact.
 */
export function chooseRegistries(
  environment: { name: string; registries: readonly string[] },
  asked: readonly string[] | undefined,
  withoutPrimary = false,
): string[] {
  const { name, registries } = environment;
  if (asked === undefined) return [...registries];
  const chosen = new Set(asked.map((word) => registryOf(name, registries, word)));
  if (!withoutPrimary && !chosen.has(registries[0]!)) {
    throw new Refusal('VERSION_REFUSED', `${name} runs from its primary registry ${registries[0]}, which is not among the targets`, {
      hint: `add ${registries[0]}; to bring a version that is in ${name} to another registry, request a repair`,
    });
  }
  return registries.filter((registry) => chosen.has(registry));
}

function registryOf(environment: string, registries: readonly string[], word: string): string {
  if (registries.includes(word)) return word;
  const place = REGISTRY_ROLES.indexOf(word as RegistryRole);
  const registry = word === 'further' ? undefined : registries[place];
  if (registry !== undefined) return registry;
  const known = registries.map((each, index) => (index < 3 ? `${each} (${registryRole(index)})` : each)).join(', ');
  throw new Refusal('VERSION_REFUSED', `${environment} has no registry ${word}`, { hint: `choose among ${known}` });
}
