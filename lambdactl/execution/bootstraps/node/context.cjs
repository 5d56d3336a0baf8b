'use strict';

// One invocation: what /next said, and what the handler is shown of it.
// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-context.html

/** Read the answer to /next. `path` and `echo` are ready to go into the requests that answer it. */
function readInvocation(headers, body) {
  const id = headers['lambda-runtime-aws-request-id'];
  const attempt = headers['lambda-runtime-invocation-id'];
  return {
    id,
    path: encodeURIComponent(id),
    // Unique for each attempt; it goes back with the result so that a late one can be told apart.
    echo: attempt ? `Lambda-Runtime-Invocation-Id: ${attempt}\r\n` : '',
    attempt,
    headers,
    body,
    tenantId: headers['lambda-runtime-aws-tenant-id'],
    traceId: headers['lambda-runtime-trace-id'],
  };
}

function forwardTrace({ traceId }) {
  if (traceId) {
    process.env._X_AMZN_TRACE_ID = traceId;
  } else {
    delete process.env._X_AMZN_TRACE_ID;
  }
}

function parseJson(text, name) {
  if (!text) {
    return undefined;
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`);
  }
}

function environmentData() {
  const { env } = process;
  return {
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
  };
}

function headerData({ headers, id, tenantId }) {
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  return {
    clientContext: parseJson(headers['lambda-runtime-client-context'], 'ClientContext'),
    identity: parseJson(headers['lambda-runtime-cognito-identity'], 'CognitoIdentity'),
    invokedFunctionArn: headers['lambda-runtime-invoked-function-arn'],
    awsRequestId: id,
    tenantId,
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

/** Fill `context`, which has the members of its generation already, with the invocation's data. */
const fillContext = (context, invocation) =>
  Object.assign(context, environmentData(), headerData(invocation));

module.exports = { fillContext, forwardTrace, readInvocation };
