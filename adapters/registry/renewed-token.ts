/** A token that is renewed once for all who need a new one: several transfers meet its end at the same instant. */

export interface RegistryToken {
  /** Value of `authorization`. */
  authorization: string;
  /** Milliseconds since the epoch by `Date`; from then on it is not used any more. */
  renewAt: number;
}

/** A refusal may mean the token or the permission, and does not say which: one new token in a while finds out. */
const PAUSE_MS = 60_000;

export class RenewedToken {
  #token: RegistryToken | undefined;
  #renewing: Promise<RegistryToken> | undefined;
  #refusedAt = Number.NEGATIVE_INFINITY;

  /** The token, unless it is at its end. */
  get authorization(): string | undefined {
    return this.#token && this.#token.renewAt > Date.now() ? this.#token.authorization : undefined;
  }

  async renew(obtain: () => Promise<RegistryToken>): Promise<string> {
    this.#renewing ??= obtain().finally(() => {
      this.#renewing = undefined;
    });
    this.#token = await this.#renewing;
    return this.#token.authorization;
  }

  /** After a request with `refused` was refused: true when there is another token now, or the same after a while. A renewal that fails is thrown. */
  async replace(refused: string | undefined, obtain: () => Promise<RegistryToken>): Promise<boolean> {
    const valid = this.authorization;
    // Somebody else has met the same end before, and has renewed it.
    if (valid !== undefined && valid !== refused) return true;
    if (valid !== undefined && performance.now() - this.#refusedAt < PAUSE_MS) return false;
    await this.renew(obtain);
    if (valid !== undefined) this.#refusedAt = performance.now();
    return true;
  }
}
