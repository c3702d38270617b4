/** Events on the bus of the deployment: CloudEvents in `detail`, the canonical name in `detail-type`. */
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { Fault } from '../../core/errors.ts';
import { cloudEventOf, type OutgoingEvent } from '../../core/notification/cloud-event.ts';
import { requiredVariable } from '../state/table.ts';

let client: EventBridgeClient | undefined;

export async function publishEvent(event: OutgoingEvent, origin: string): Promise<void> {
  client ??= new EventBridgeClient({ maxAttempts: 4 });
  const answer = await client.send(
    new PutEventsCommand({
      Entries: [
        {
          EventBusName: requiredVariable('EVENT_BUS'),
          Source: 'greenlight',
          DetailType: event.type,
          Time: event.time,
          Detail: JSON.stringify(cloudEventOf(event, origin)),
        },
      ],
    }),
  );
  if (answer.FailedEntryCount) throw new Fault('UNAVAILABLE', `the bus refused the event: ${answer.Entries?.[0]?.ErrorCode ?? 'unknown'}`);
}
