/** Amounts of bytes and money in words. */

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'] as const;

/** `0 B`, `12.3 kB`, `4.2 GB`: in thousands, as prices are. */
export function sizeOf(bytes: number): string {
  let unit = 0;
  let amount = bytes;
  // Rounded first: 999,999 bytes are 1 MB and not 1000 kB.
  while (unit < UNITS.length - 1 && Number(amount.toPrecision(3)) >= 1000) {
    amount /= 1000;
    unit++;
  }
  return `${Number(amount.toPrecision(3))} ${UNITS[unit]}`;
}

/** `$0.42`. */
export function dollars(amount: number): string {
  return `$${amount.toFixed(2)}`;
}

/** `1 version`, `12 versions`. */
export function counted(count: number, one: string): string {
  return `${count.toLocaleString('en')} ${one}${count === 1 ? '' : 's'}`;
}
