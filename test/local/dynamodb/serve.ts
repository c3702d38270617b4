/** Program of the restart tests: serves the data folder given as argument and prints the origin. */
import { serveDynamoDb } from './served-dynamodb.ts';

serveDynamoDb(process.argv[2]).then(
  ({ origin }) => console.log(origin),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
