/** `Date` inside a function follows the virtual clock; timers stay real. */

/** Replaces the global `Date` of this thread. `clock` is `Clock.shared`: [virtual base, real base, virtual ms per real ms]. */
export function installVirtualDate(clock: SharedArrayBuffer): void {
  const base = new Float64Array(clock);
  const RealDate = Date;
  const realNow = RealDate.now.bind(RealDate);
  const now = (): number => Math.floor(base[0]! + (realNow() - base[1]!) * base[2]!);
  const virtual = new Proxy(RealDate, {
    construct: (target, parameters, newTarget) =>
      Reflect.construct(target, parameters.length > 0 ? parameters : [now()], newTarget) as object,
    apply: () => new RealDate(now()).toString(),
  });
  RealDate.now = now;
  Object.defineProperty(RealDate.prototype, 'constructor', { value: virtual, writable: true, configurable: true });
  globalThis.Date = virtual;
}
