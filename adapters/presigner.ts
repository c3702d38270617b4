/** The part of the SDK's own signer that is used for addresses signed in their query; its class lives in a package that no client exports. */

export interface SignableRequest {
  method: string;
  protocol: string;
  hostname: string;
  port?: number;
  path: string;
  headers: Record<string, string>;
  query: Record<string, string>;
}

export interface Presigner {
  /** `expiresIn` in seconds; `unhoistableHeaders` stay headers instead of going into the query. */
  presign(
    request: SignableRequest,
    options: { expiresIn: number; unhoistableHeaders?: Set<string> },
  ): Promise<{ query?: Record<string, string> }>;
}
