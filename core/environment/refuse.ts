/** Takes a fault of the configuration file: `path` is where it stands, `hint` what to write instead. */
export type Refuse = (path: readonly PropertyKey[], message: string, hint?: string) => void;
