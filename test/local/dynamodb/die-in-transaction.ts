/**
 * Program of the crash tests: writes five items as version 0 in one transaction, then as version 1, and kills itself with SIGKILL meanwhile.
 * Arguments: data folder; `single-write` and the number of the single write inside the transaction, or `before-commit`, `during-commit`, `after-commit`.
 */
import engine from 'dynalite/db/index.js';
import { createDynamoDb } from '../../../local/dynamodb/dynamodb.ts';
import { makeContext } from '../context.ts';
import { requestOf } from './served-dynamodb.ts';

const [data = '', point = '', count = '1'] = process.argv.slice(2);
/** Set once version 0 is there: the hooks are laid before the service is made, because it keeps what it finds then. */
let armed = false;

function die(): void {
  if (armed) process.kill(process.pid, 'SIGKILL');
}

async function main(): Promise<void> {
  layHooks();
  const context = makeContext('dynamodb', { data });
  const service = await createDynamoDb(context);
  const call = (operation: string, body: unknown) => service.handle(requestOf(operation, body));
  const write = (version: number) =>
    call('TransactWriteItems', {
      TransactItems: Array.from({ length: 5 }, (_, index) => ({
        Put: {
          TableName: 'crash',
          Item: { pk: { S: `item ${index}` }, gsi: { S: `version ${version}` }, version: { N: String(version) } },
        },
      })),
      ClientRequestToken: `version-${version}`,
    });
  await call('CreateTable', {
    TableName: 'crash',
    BillingMode: 'PAY_PER_REQUEST',
    AttributeDefinitions: ['pk', 'gsi'].map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    GlobalSecondaryIndexes: [
      { IndexName: 'byVersion', KeySchema: [{ AttributeName: 'gsi', KeyType: 'HASH' }], Projection: { ProjectionType: 'ALL' } },
    ],
  });
  await write(0);
  armed = true;
  await write(1);
  die();
}

function layHooks(): void {
  if (point === 'single-write') {
    // dynalite calls this once for each single write, between computing the item and storing it.
    const inner = engine as unknown as { updateIndexes: (...parts: unknown[]) => void };
    const original = inner.updateIndexes;
    let seen = 0;
    inner.updateIndexes = (...parts) => {
      if (armed) seen += 1;
      if (seen === Number(count)) die();
      original(...parts);
    };
    return;
  }
  const level = levelPrototype();
  const original = level.batch;
  level.batch = async function (this: unknown, ...parts: unknown[]) {
    if (point === 'before-commit') die();
    const writing = original.apply(this, parts);
    if (point === 'during-commit') die();
    await writing;
    if (point === 'after-commit') die();
  };
}

/** The class of LevelDB handles, found through a throw-away instance: the service keeps its own private. */
function levelPrototype(): { batch: (...parts: unknown[]) => Promise<void> } {
  const { db } = engine.create({ path: `${data}/unused`, createTableMs: 0, updateTableMs: 0, deleteTableMs: 0 });
  let prototype = Object.getPrototypeOf(db);
  while (!Object.hasOwn(prototype, 'batch')) prototype = Object.getPrototypeOf(prototype);
  return prototype;
}

void main();
