import {
  ApiGatewayManagementApiClient, PostToConnectionCommand,
} from '@aws-sdk/client-apigatewaymanagementapi';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand, DynamoDBDocumentClient, PutCommand, ScanCommand,
} from '@aws-sdk/lib-dynamodb';

const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const TableName = process.env.TABLE_NAME;
const forget = (connectionId) => table.send(new DeleteCommand({ TableName, Key: { connectionId } }));

export const connect = async ({ requestContext: { connectionId } }) => {
  await table.send(new PutCommand({ TableName, Item: { connectionId } }));
  return { statusCode: 200 };
};

export const disconnect = async ({ requestContext: { connectionId } }) => {
  await forget(connectionId);
  return { statusCode: 200 };
};

export const send = async ({ requestContext: { domainName, stage }, body }) => {
  const management = new ApiGatewayManagementApiClient({
    endpoint: `https://${domainName}/${stage}`,
  });
  const { Items } = await table.send(new ScanCommand({ TableName }));
  await Promise.all(Items.map(async ({ connectionId: ConnectionId }) => {
    try {
      await management.send(
        new PostToConnectionCommand({ ConnectionId, Data: JSON.parse(body).data }),
      );
    } catch (error) {
      if (error.name !== 'GoneException') throw error;
      await forget(ConnectionId);
    }
  }));
  return { statusCode: 200, body: 'Data sent.' };
};
