/** What the rules of retention need of the world. */
import type { Standing } from './pin.ts';

export interface PinStore {
  /** Strongly consistent. Of a digest that nobody ever relied on it is empty. */
  standing(artifact: string, digest: string): Promise<Standing>;
  /**
   * Decides for all digests or none that they go, under the condition that nobody relies on any of them: an index goes with its images. From then on no
   * promotion begins with them. Undefined when decided, else the digest that stays; decided again by the same run it is decided still. At most 100.
   */
  decideDeletion(artifact: string, digests: readonly string[], by: string): Promise<string | undefined>;
  /** They are gone from the registries. */
  finishDeletion(artifact: string, digests: readonly string[], by: string): Promise<void>;
  /** Nothing of them was deleted: they may be relied on again. */
  abandonDeletion(artifact: string, digests: readonly string[], by: string): Promise<void>;
  /** The environment lets go of a digest that it neither runs nor goes back to. False when it does, or when it changes at this moment. */
  letGo(environment: string, artifact: string, digest: string): Promise<boolean>;
}
