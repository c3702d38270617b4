/** Runs one probe of a container until it is stopped, and reports when its verdict changes. */
import type { Clock, Timer } from '../../clock.ts';
import type { Fields } from '../kube-object.ts';
import { probeHandler, type RunningContainer } from './container.ts';

/** Settled probes run in real time, so that moving the virtual clock by hours does not stop at each of them. This is their shortest period. */
const SHORTEST_SETTLED_PERIOD_MS = 250;

export interface ProbeOptions {
  clock: Clock;
  probe: Fields;
  container: Exclude<RunningContainer, { crash: string }>;
  /** Called with the first verdict and each change of it; `message` says why a probe failed. */
  verdict(success: boolean, message: string): void;
}

export class ProbeLoop {
  readonly #options: ProbeOptions;
  #successes = 0;
  #failures = 0;
  #verdict: boolean | undefined;
  #timer: Timer | undefined;
  #settled: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: ProbeOptions, firstAfterMs = (options.probe.initialDelaySeconds ?? 0) * 1_000) {
    this.#options = options;
    this.#timer = options.clock.after(firstAfterMs, () => this.#run());
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    clearTimeout(this.#settled);
  }

  async #run(): Promise<void> {
    const { clock, probe, container } = this.#options;
    const problem = await clock.track(attempt(probe, container));
    if (this.#stopped) return;
    const steady = this.#count(problem);
    const period = (probe.periodSeconds ?? 10) * 1_000;
    if (!steady) {
      this.#timer = clock.after(period, () => this.#run());
      return;
    }
    this.#settled = setTimeout(() => void this.#run(), Math.max(period * clock.scale, SHORTEST_SETTLED_PERIOD_MS));
    this.#settled.unref();
  }

  /** Counts a result towards the thresholds; answers whether the container is well and nothing is under way. */
  #count(problem: string | undefined): boolean {
    const { probe, verdict } = this.#options;
    if (problem === undefined) {
      this.#successes++;
      this.#failures = 0;
    } else {
      this.#failures++;
      this.#successes = 0;
    }
    const passed = problem === undefined && this.#successes >= (probe.successThreshold ?? 1);
    const failed = problem !== undefined && this.#failures >= (probe.failureThreshold ?? 3);
    if ((passed || failed) && this.#verdict !== passed) {
      this.#verdict = passed;
      verdict(passed, problem ?? '');
    }
    return this.#verdict === true && problem === undefined;
  }
}

/** Why the probe failed; undefined when it passed. */
async function attempt(probe: Fields, container: Exclude<RunningContainer, { crash: string }>): Promise<string | undefined> {
  // A port is open as soon as the container runs.
  if (!probe.httpGet) return undefined;
  const headers = Object.fromEntries(
    ((probe.httpGet.httpHeaders ?? []) as Fields[]).map(({ name, value }) => [String(name).toLowerCase(), String(value)]),
  );
  const status = await probeHandler(container, probe.httpGet.path ?? '/', headers, (probe.timeoutSeconds ?? 1) * 1_000);
  if (status === undefined)
    return `Get "${probe.httpGet.path}": context deadline exceeded (Client.Timeout exceeded while awaiting headers)`;
  return status >= 200 && status < 400 ? undefined : `HTTP probe failed with statuscode: ${status}`;
}
