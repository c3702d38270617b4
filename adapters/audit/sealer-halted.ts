type HaltReason = 'HEAD_CORRUPT' | 'FOREIGN_BATCH' | 'EQUIVOCATION' | 'KEY_MISMATCH' | 'FOREIGN_TILE';

/** The log is not as this sealer left it. Nothing more is signed until somebody has looked; an alarm calls them. */
export class SealerHalted extends Error {
  override readonly name = 'SealerHalted';
  readonly reason: HaltReason;
  constructor(reason: HaltReason, detail: string) {
    super(`${reason}: ${detail}`);
    this.reason = reason;
  }
}
