/** `GET /v1/requests/{env}/{id}`: the request as JSON, or as seed 000's ticket in YAML. */
import type { TicketFacts } from '../../core/promotion/ticket-yaml.ts';
import type { HttpCall, TwoPhaseHandler } from '../kit/http.ts';
import { type KnownRequest, knownOfCall } from './find-request.ts';
import { renderRequest } from './render-request.ts';

export const getRequest: TwoPhaseHandler<KnownRequest> = {
  find: knownOfCall,
  async handle(call, request) {
    const rendered = renderRequest({ ...request, caller: call.caller });
    const { approvedBy, rejectionReason } = rendered.status;
    const headers = { 'cache-control': 'private, no-cache' };
    if (!wantsYaml(call)) return { status: 200, headers, body: rendered };
    return { status: 200, headers, contentType: 'application/yaml', body: await ticket({ ...request, approvedBy, rejectionReason }) };
  },
};

/** The YAML library is a quarter of this bundle: it is loaded by the first who wants a ticket. */
async function ticket(facts: TicketFacts): Promise<string> {
  const { ticketYaml } = await import('../../core/promotion/ticket-yaml.ts');
  return ticketYaml(facts);
}

const YAML_TYPES = ['application/yaml', 'application/x-yaml', 'text/yaml'];

/** YAML when it is asked for by name and JSON is not asked for more; of two with the same weight the first. */
function wantsYaml(call: HttpCall): boolean {
  const ranges = (call.headers['accept'] ?? '').split(',').map((part) => {
    const [type, ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    return { type: type!, weight: weight === undefined ? 1 : Number(weight.slice(2)) || 0 };
  });
  const named = ranges.filter(({ type }) => type === 'application/json' || YAML_TYPES.includes(type));
  const best = named.toSorted((one, other) => other.weight - one.weight)[0];
  return best !== undefined && best.weight > 0 && best.type !== 'application/json';
}
