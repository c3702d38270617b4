/** Ports whose numbers are needed before whoever serves them exists: they answer 503 until it does. */
import type { RequestListener } from 'node:http';
import { sendJson } from './http-body.ts';
import { Listeners, type Listening, type ListenOptions } from './listeners.ts';

interface Early {
  listening: Listening;
  handler: RequestListener;
}

const unavailable: RequestListener = (_request, response) => sendJson(response, 503, { message: 'Service Unavailable' });

export class EarlyListeners extends Listeners {
  readonly #early = new Map<string, Early>();

  /** Binds a port now; a later `listen` of the same name takes it over. */
  async open(name: string, options: ListenOptions = {}): Promise<Listening> {
    const early: Early = {
      handler: unavailable,
      listening: await super.listen(name, (request, response) => early.handler(request, response), options),
    };
    this.#early.set(name, early);
    return early.listening;
  }

  override async listen(name: string, handler: RequestListener, options: ListenOptions = {}): Promise<Listening> {
    const early = this.#early.get(name);
    if (!early) return super.listen(name, handler, options);
    early.handler = handler;
    return early.listening;
  }

  /** Answers 503 from now on, while requests under way end. */
  drain(name: string): void {
    const early = this.#early.get(name);
    if (early) early.handler = unavailable;
  }
}
