/** The time of the service: a watch that goes wrong here, or a virtual clock there, must not turn minutes into days. */

let offset = 0;

/** `date` is the header of an answer; it has whole seconds. */
export function setServerTime(date: string | null): void {
  const at = date === null ? Number.NaN : Date.parse(date);
  if (Number.isNaN(at)) return;
  const difference = at - Date.now();
  // Less is the way through the network.
  offset = Math.abs(difference) < 2_000 ? 0 : difference;
}

export function now(): number {
  return Date.now() + offset;
}
