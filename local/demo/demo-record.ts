/** What the demo did: steps with their outcome, and what happened to the promotions. Printed as it grows, or once as JSON. */

export interface DemoStep {
  name: string;
  ok: boolean;
  detail: string;
  /** Seconds of real time since the demo began. */
  at: number;
}

export interface TimelineEntry {
  /** Virtual time, ISO 8601. */
  at: string;
  request: string;
  event: string;
}

export class DemoRecord {
  readonly steps: DemoStep[] = [];
  readonly timeline: TimelineEntry[] = [];
  readonly #began = performance.now();
  readonly #print: (line: string) => void;

  /** `print` takes the lines for people; nothing with `--json`. */
  constructor(print: (line: string) => void) {
    this.#print = print;
  }

  get seconds(): number {
    return Math.round((performance.now() - this.#began) / 100) / 10;
  }

  get ok(): boolean {
    return this.steps.length > 0 && this.steps.every((step) => step.ok);
  }

  chapter(title: string): void {
    this.#print(`\n${title}`);
  }

  /** Runs a step; what it answers is kept, and its text is shown. A step that throws has failed and ends the demo. */
  async step<Value>(name: string, act: () => Promise<{ value: Value; detail: string }>): Promise<Value> {
    try {
      const { value, detail } = await act();
      this.#add({ name, ok: true, detail, at: this.seconds });
      return value;
    } catch (error) {
      this.#add({ name, ok: false, detail: (error as Error).message, at: this.seconds });
      throw error;
    }
  }

  /** Adds what happened to a request, in its order. */
  tell(request: string, events: readonly Omit<TimelineEntry, 'request'>[]): void {
    for (const event of events) {
      this.timeline.push({ ...event, request });
      this.#print(`      ${event.at.slice(11, 19)}  ${event.event}`);
    }
  }

  #add(step: DemoStep): void {
    this.steps.push(step);
    this.#print(`${step.at.toFixed(1).padStart(6)} s  ${step.ok ? '✓' : '✗'} ${step.name}${step.detail ? `: ${step.detail}` : ''}`);
  }
}

/** Ends a step as failed unless the condition holds. */
export function expect(condition: boolean, otherwise: string): asserts condition {
  if (!condition) throw new Error(otherwise);
}
