/** What all services stand on: clock, ports, credentials, IAM, gateway, and the context that each service gets of them. */
import { Calls } from './calls.ts';
import { Clock } from './clock.ts';
import { Credentials } from './credentials.ts';
import type { DataFolder } from './data-folder.ts';
import { EarlyListeners } from './early-listeners.ts';
import { Faults } from './faults.ts';
import { Gateway } from './gateway.ts';
import { Iam } from './iam/iam.ts';
import { Roles } from './iam/roles.ts';
import { verifyServiceRoles } from './iam/service-roles.ts';
import type {
  BusEvent,
  CloudContext,
  InvokeOptions,
  InvokeResult,
  LocalService,
  ResourceProvider,
  ResourceRequest,
  ResourceResult,
} from './service.ts';
import type { Place } from './template/assembly.ts';

export interface KernelOptions {
  data: DataFolder;
  place: Place;
  /** Every wait lasts this share of its length. */
  timeScale: number;
  log(message: string, fields?: Record<string, unknown>): void;
}

/** The two ways by which services reach others, known once Lambda and EventBridge exist. */
export interface Connections {
  invoke(functionArn: string, payload: unknown, options?: InvokeOptions): Promise<InvokeResult>;
  emit(event: BusEvent): Promise<void>;
}

export class Kernel {
  readonly clock: Clock;
  readonly listeners: EarlyListeners;
  readonly credentials: Credentials;
  readonly roles: Roles;
  readonly iam: Iam;
  readonly gateway: Gateway;
  readonly faults = new Faults();
  readonly calls = new Calls();
  readonly #options: KernelOptions;
  readonly #providers = new Map<string, ResourceProvider>();
  #connections: Connections | undefined;

  constructor(options: KernelOptions) {
    this.#options = options;
    const { data, place } = options;
    this.clock = new Clock({ scale: options.timeScale, file: data.file('clock.json') });
    this.listeners = new EarlyListeners(data.path);
    this.credentials = new Credentials(data.file('credentials.json'));
    this.roles = new Roles(place);
    const resourcePolicy = (arn: string) => this.gateway.serviceOf(arn.split(':')[2] ?? '')?.resourcePolicy?.(arn);
    this.iam = new Iam({ ...place, clock: this.clock, roles: this.roles, resourcePolicy });
    const { clock, credentials, iam, calls, faults } = this;
    this.gateway = new Gateway({ clock, credentials, iam, calls, faults, otherFaultTargets: ['kubernetes', 'registry'], log: options.log });
    this.#register(this.roles.resources);
  }

  /** Adds services to the gateway and their types to those that can be provisioned. */
  mount(services: readonly LocalService[]): void {
    this.gateway.mount(services);
    for (const service of services) this.#register(service.resources);
  }

  connect(connections: Connections): void {
    this.#connections = connections;
  }

  provider(type: string): ResourceProvider | undefined {
    return this.#providers.get(type);
  }

  /** Stops the start when a resource names a role that its service may not assume, as CloudFormation does. */
  async verify(request: ResourceRequest, result: ResourceResult): Promise<void> {
    await verifyServiceRoles(request, result, this.roles, this.iam);
  }

  /** What the service `name` gets when it is made. */
  context(name: string): CloudContext {
    const { clock, listeners, credentials, iam, faults, calls } = this;
    const { data, place, log } = this.#options;
    const connections = (): Connections => {
      if (!this.#connections) throw new Error(`${name} calls another service before the cloud is connected`);
      return this.#connections;
    };
    return {
      clock,
      folder: data.folder(name),
      region: place.region,
      account: place.account,
      listeners,
      invoke: (functionArn, payload, options) => connections().invoke(functionArn, payload, options),
      emit: (event) => connections().emit(event),
      credentialsFor: (roleArn, functionName) => credentials.issue(roleArn, functionName),
      allowed: async (caller, check) => {
        const decision = await iam.decide(caller, check);
        if (decision.decision !== 'allowed') log(`denied: ${decision.message}`);
        return decision.decision === 'allowed';
      },
      fault: (service, operation) => faults.strike(service, operation),
      recordCall: (call) => calls.record(call),
      log: (message, fields) => log(message.startsWith(`${name}: `) ? message : `${name}: ${message}`, fields),
    };
  }

  #register(resources: Readonly<Record<string, ResourceProvider>>): void {
    for (const [type, provider] of Object.entries(resources)) {
      if (this.#providers.has(type)) throw new Error(`two services provision ${type}`);
      this.#providers.set(type, provider);
    }
  }
}
