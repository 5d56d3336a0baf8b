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

/** What a context says; its keys are in the order of the runtime's generation. */
function contextData({ headers, id, tenantId, traceId }, modern) {
  const { env } = process;
  const deadline = Number(headers['lambda-runtime-deadline-ms']);
  const clientContext = parseJson(headers['lambda-runtime-client-context'], 'ClientContext');
  const identity = parseJson(headers['lambda-runtime-cognito-identity'], 'CognitoIdentity');
  const invokedFunctionArn = headers['lambda-runtime-invoked-function-arn'];
  const functionName = env.AWS_LAMBDA_FUNCTION_NAME;
  const functionVersion = env.AWS_LAMBDA_FUNCTION_VERSION;
  const memoryLimitInMB = env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE;
  const logGroupName = env.AWS_LAMBDA_LOG_GROUP_NAME;
  const logStreamName = env.AWS_LAMBDA_LOG_STREAM_NAME;
  const getRemainingTimeInMillis = function () {
    return deadline - Date.now();
  };
  return modern
    ? {
        clientContext,
        identity,
        invokedFunctionArn,
        awsRequestId: id,
        tenantId,
        xRayTraceId: traceId,
        getRemainingTimeInMillis,
        functionName,
        functionVersion,
        memoryLimitInMB,
        logGroupName,
        logStreamName,
      }
    : {
        functionVersion,
        functionName,
        memoryLimitInMB,
        logGroupName,
        logStreamName,
        clientContext,
        identity,
        invokedFunctionArn,
        awsRequestId: id,
        tenantId,
        getRemainingTimeInMillis,
      };
}

module.exports = { contextData, forwardTrace, readInvocation };
