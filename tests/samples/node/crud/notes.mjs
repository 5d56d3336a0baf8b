import { randomUUID } from 'node:crypto';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  DeleteCommand, DynamoDBDocumentClient, GetCommand, PutCommand, ScanCommand,
} from '@aws-sdk/lib-dynamodb';

const table = DynamoDBDocumentClient.from(new DynamoDBClient({}));
const TableName = process.env.NOTES;
const answer = (statusCode, body) => ({
  statusCode,
  headers: { 'Content-Type': 'application/json' },
  body: body === undefined ? '' : JSON.stringify(body),
});

export const list = async () => {
  const { Items } = await table.send(new ScanCommand({ TableName }));
  return answer(200, Items);
};

export const get = async ({ pathParameters: { id } }) => {
  const { Item } = await table.send(new GetCommand({ TableName, Key: { id } }));
  return Item ? answer(200, Item) : answer(404, { message: `there is no note ${id}` });
};

export const change = async ({ httpMethod, pathParameters, body }) => {
  const id = pathParameters?.id ?? randomUUID();
  if (httpMethod === 'DELETE') {
    await table.send(new DeleteCommand({ TableName, Key: { id } }));
    return answer(204);
  }
  const Item = { ...JSON.parse(body), id };
  await table.send(new PutCommand({ TableName, Item }));
  return answer(httpMethod === 'POST' ? 201 : 200, Item);
};
