/** The life of one container: image, creation, running, probes, crashes with back-off. It reports every step through `changed`. */
import { randomInt } from 'node:crypto';
import type { Clock, Timer } from '../../clock.ts';
import { type Fields, kubeTime } from '../kube-object.ts';
import type { RunningContainer } from './container.ts';
import { type PulledImage, PullFailed } from './image-store.ts';
import type { ContainerState } from './pod-status.ts';
import { ProbeLoop } from './probe-loop.ts';

/** Back-off of pulls and crashes: 10 s, doubled up to 5 minutes. */
const FIRST_BACK_OFF_MS = 10_000;
const LONGEST_BACK_OFF_MS = 300_000;
/** How long `ErrImagePull` shows before it becomes `ImagePullBackOff`. */
const ERROR_SHOWN_MS = 1_000;
/** Creating and starting a container takes this long. */
const START_MS = [300, 800] as const;

export interface ContainerEnvironment {
  clock: Clock;
  /** The container of the pod's spec. */
  spec: Fields;
  restartPolicy: string;
  /** Pulls, or takes what the node has, by the pull policy. Throws `PullFailed`. */
  image(): Promise<PulledImage>;
  /** The image if the node has it already. */
  presentImage(): PulledImage | undefined;
  /** Makes the handler. Throws with the message for `CreateContainerConfigError`. */
  create(image: PulledImage): RunningContainer;
  /** The state object has changed: store it. */
  changed(): void;
  event(type: 'normal' | 'warning', reason: string, message: string): void;
}

type Handler = Exclude<RunningContainer, { crash: string }>;

export class ContainerWorker {
  readonly state: ContainerState;
  readonly #environment: ContainerEnvironment;
  readonly #probes: ProbeLoop[] = [];
  /** Attempts since the last success, for the back-off. */
  #crashes: number;
  #timer: Timer | undefined;
  #handler: Handler | undefined;
  #stopped = false;

  constructor(state: ContainerState, environment: ContainerEnvironment) {
    this.state = state;
    this.#environment = environment;
    this.#crashes = state.restartCount;
  }

  /** The handler while the container runs. */
  get handler(): Handler | undefined {
    return this.#handler;
  }

  /** Starts, or goes on after a restart of the cluster: a container that ran runs on, its readiness is checked anew. */
  start(): void {
    const { state } = this;
    if (state.state.running && this.#resume()) return;
    if (state.state.terminated && this.#environment.restartPolicy === 'Never') return;
    if (state.state.waiting?.reason === 'CrashLoopBackOff') this.#wait(this.#crashBackOff(), () => this.#begin());
    else void this.#begin();
  }

  /** Ends the container where it stands. */
  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#stopProbes();
    this.#handler = undefined;
  }

  /** False when the image is no longer there. */
  #resume(): boolean {
    const image = this.#environment.presentImage();
    const made = image && this.#make(image);
    if (!made || 'crash' in made) return false;
    this.#run(made, true);
    return true;
  }

  async #begin(pulls = 0): Promise<void> {
    if (this.#stopped) return;
    if (pulls === 0) this.#set({ waiting: { reason: 'ContainerCreating' } });
    let image: PulledImage;
    try {
      image = await this.#environment.clock.track(this.#environment.image());
    } catch (error) {
      if (!this.#stopped) this.#pullFailed(error as Error, pulls);
      return;
    }
    if (this.#stopped) return;
    this.state.imageId = image.imageId;
    this.#wait(randomInt(...START_MS), () => this.#create(image));
  }

  #pullFailed(error: Error, pulls: number): void {
    const { spec, event } = this.#environment;
    const reason = error instanceof PullFailed ? error.reason : 'ErrImagePull';
    event('warning', 'Failed', `Failed to pull image "${spec.image}": ${error.message}`);
    this.#set({ waiting: { reason, message: error.message } });
    // An image name that cannot be read stays so until the pod is changed.
    if (reason === 'InvalidImageName') return;
    event('warning', 'Failed', `Error: ${reason}`);
    this.#wait(ERROR_SHOWN_MS, () => {
      event('normal', 'BackOff', `Back-off pulling image "${spec.image}"`);
      this.#set({ waiting: { reason: 'ImagePullBackOff', message: `Back-off pulling image "${spec.image}": ${error.message}` } });
      this.#wait(backOff(pulls), () => this.#begin(pulls + 1));
    });
  }

  #create(image: PulledImage): void {
    const made = this.#make(image);
    if (!made) return;
    if ('crash' in made) {
      this.#crashed(made.crash, 1, 'Error');
      return;
    }
    this.#environment.event('normal', 'Created', `Created container: ${this.state.name}`);
    this.#environment.event('normal', 'Started', `Started container ${this.state.name}`);
    this.#run(made, false);
  }

  #make(image: PulledImage): RunningContainer | undefined {
    try {
      return this.#environment.create(image);
    } catch (error) {
      const message = (error as Error).message;
      this.#environment.event('warning', 'Failed', `Error: ${message}`);
      this.#set({ waiting: { reason: 'CreateContainerConfigError', message } });
      this.#wait(FIRST_BACK_OFF_MS, () => this.#begin());
      return undefined;
    }
  }

  #run(handler: Handler, resumed: boolean): void {
    const { spec, clock } = this.#environment;
    this.#handler = handler;
    this.state.started = !spec.startupProbe;
    if (!resumed) this.state.ready = false;
    const begin = () => {
      this.state.started = true;
      if (!spec.readinessProbe) this.state.ready = true;
      else this.#probe(spec.readinessProbe, 'Readiness', (success) => this.#setReady(success), resumed);
      if (spec.livenessProbe) this.#probe(spec.livenessProbe, 'Liveness', (success) => success || this.#kill('liveness'), resumed);
      this.#environment.changed();
    };
    if (!resumed) this.state.state = { running: { startedAt: kubeTime(clock.now()) } };
    if (!spec.startupProbe) {
      begin();
      return;
    }
    this.#probe(spec.startupProbe, 'Startup', (success) => (success ? begin() : this.#kill('startup')), resumed);
    this.#environment.changed();
  }

  #probe(probe: Fields, name: string, verdict: (success: boolean) => void, soon: boolean): void {
    const report = (success: boolean, message: string) => {
      if (!success) this.#environment.event('warning', 'Unhealthy', `${name} probe failed: ${message}`);
      verdict(success);
    };
    const options = { clock: this.#environment.clock, probe, container: this.#handler!, verdict: report };
    this.#probes.push(soon ? new ProbeLoop(options, 0) : new ProbeLoop(options));
  }

  #setReady(ready: boolean): void {
    if (this.#stopped || this.state.ready === ready) return;
    this.state.ready = ready;
    this.#environment.changed();
  }

  #kill(probe: string): void {
    if (this.#stopped) return;
    this.#environment.event('normal', 'Killing', `Container ${this.state.name} failed ${probe} probe, will be restarted`);
    this.#crashed('', 137, 'Error');
  }

  #crashed(message: string, exitCode: number, reason: string): void {
    const { clock, restartPolicy, event, spec } = this.#environment;
    this.#stopProbes();
    this.#handler = undefined;
    const now = kubeTime(clock.now());
    const startedAt = this.state.state.running?.startedAt ?? now;
    const terminated = { terminated: { exitCode, reason, ...(message ? { message } : {}), startedAt, finishedAt: now } };
    Object.assign(this.state, { ready: false, started: false });
    this.#set(terminated);
    if (restartPolicy === 'Never') return;
    this.#crashes++;
    const restart = () => {
      this.state.lastState = terminated;
      this.state.restartCount++;
      return this.#begin();
    };
    // The first restart follows at once, as the kubelet's.
    if (this.#crashes === 1) {
      this.#wait(ERROR_SHOWN_MS, restart);
      return;
    }
    this.#wait(ERROR_SHOWN_MS, () => {
      const delay = this.#crashBackOff();
      event('warning', 'BackOff', `Back-off restarting failed container ${this.state.name}`);
      this.state.lastState = terminated;
      this.#set({
        waiting: { reason: 'CrashLoopBackOff', message: `back-off ${delay / 1_000}s restarting failed container=${spec.name}` },
      });
      this.#wait(delay, restart);
    });
  }

  #crashBackOff(): number {
    return backOff(Math.max(0, this.#crashes - 2));
  }

  #set(state: Fields): void {
    this.state.state = state;
    this.#environment.changed();
  }

  #wait(milliseconds: number, then: () => unknown): void {
    if (this.#stopped) return;
    this.#timer = this.#environment.clock.after(milliseconds, then);
  }

  #stopProbes(): void {
    for (const probe of this.#probes.splice(0)) probe.stop();
  }
}

function backOff(attempt: number): number {
  return Math.min(FIRST_BACK_OFF_MS * 2 ** attempt, LONGEST_BACK_OFF_MS);
}
