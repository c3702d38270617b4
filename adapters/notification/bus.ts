/** Events on the bus of the deployment: CloudEvents in `detail`, the canonical name in `detail-type`. */
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { Fault } from '../../core/errors.ts';
import { requiredVariable } from '../state/table.ts';

export interface BusEvent {
  /** Unique and stable: a repeated delivery has the same id. */
  id: string;
  type: string;
  subject: string;
  time: Date;
  data: Record<string, unknown>;
}

let client: EventBridgeClient | undefined;

export async function publishEvent(event: BusEvent, origin: string): Promise<void> {
  client ??= new EventBridgeClient({ maxAttempts: 4 });
  const detail = {
    specversion: '1.0',
    id: event.id,
    source: `${origin}/v1`,
    type: `dev.greenlight.${event.type}`,
    subject: event.subject,
    time: event.time.toISOString(),
    datacontenttype: 'application/json',
    data: event.data,
  };
  const answer = await client.send(
    new PutEventsCommand({
      Entries: [
        {
          EventBusName: requiredVariable('EVENT_BUS'),
          Source: 'greenlight',
          DetailType: event.type,
          Time: event.time,
          Detail: JSON.stringify(detail),
        },
      ],
    }),
  );
  if (answer.FailedEntryCount) throw new Fault('UNAVAILABLE', `the bus refused the event: ${answer.Entries?.[0]?.ErrorCode ?? 'unknown'}`);
}
