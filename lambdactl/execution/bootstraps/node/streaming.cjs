'use strict';

// The response of a streaming handler: a chunked POST that is written while the handler runs.
// Loaded by the first streaming invocation only. Node's own http request is used here on purpose:
// it is what the handler's `responseStream` is on Lambda, with its events, back pressure and quirks.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming

const http = require('http');
const { errorBody, runtimeError } = require('./errors.cjs');

const ERROR_TYPE = 'Lambda-Runtime-Function-Error-Type';
const ERROR_BODY = 'Lambda-Runtime-Function-Error-Body';

const METHODS = [
  'cork', 'destroy', 'end', 'uncork', 'write',
  'addListener', 'emit', 'eventNames', 'getMaxListeners', 'listenerCount', 'listeners', 'off', 'on',
  'once', 'prependListener', 'prependOnceListener', 'rawListeners', 'removeAllListeners',
  'removeListener', 'setMaxListeners',
];
const READ_WRITE = ['destroyed', 'writable'];
const READ_ONLY = [
  'writableFinished', 'writableObjectMode', 'writableEnded', 'writableNeedDrain',
  'writableHighWaterMark', 'writableCorked', 'writableLength',
];

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });

/**
 * Start the response of `invocation`.
 *
 * @returns {{response, answered, fail}} `response` is what the handler writes to; `answered` settles
 *   when the Runtime API has answered; `fail(error, then)` ends the response with error trailers.
 */
function openResponseStream(address, invocation, highWaterMark) {
  const colon = address.lastIndexOf(':');
  const request = http.request({
    agent,
    host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
    port: Number(address.slice(colon + 1)),
    method: 'POST',
    path: `/2018-06-01/runtime/invocation/${invocation.path}/response`,
    highWaterMark,
    headers: {
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      Trailer: [ERROR_TYPE, ERROR_BODY],
      'Content-Type': 'application/octet-stream',
      ...(invocation.attempt ? { 'Lambda-Runtime-Invocation-Id': invocation.attempt } : {}),
    },
  });
  const answered = new Promise((resolve, reject) => {
    request.on('response', (answer) => answer.on('end', resolve).on('aborted', reject).resume());
    request.on('error', reject);
  });
  // A broken connection also ends the main one, and with it the process: no second complaint.
  answered.catch(() => {});

  const fail = (error, then) => {
    const body = errorBody(error);
    request.addTrailers({
      [ERROR_TYPE]: body.errorType,
      [ERROR_BODY]: Buffer.from(JSON.stringify(body)).toString('base64'),
    });
    request.end(then);
  };
  return { response: handlerSide(request), answered, fail };
}

/** The part of the request that the handler may touch. */
function handlerSide(request) {
  const response = {};
  for (const name of METHODS) {
    response[name] = request[name].bind(request);
  }
  for (const name of READ_WRITE) {
    Object.defineProperty(response, name, {
      get: () => request[name],
      set: (value) => {
        request[name] = value;
      },
    });
  }
  for (const name of READ_ONLY) {
    Object.defineProperty(response, name, { get: () => request[name] });
  }

  let started = false;
  const write = request.write.bind(request);
  response.write = (chunk, encoding, callback) => {
    const bytes =
      typeof chunk === 'string' || chunk instanceof Uint8Array ? chunk : JSON.stringify(chunk);
    if (!started) {
      response._onBeforeFirstWrite?.(write);
      started = true;
    }
    return write(bytes, encoding, callback);
  };
  response.setContentType = (type) => {
    if (started) {
      throw runtimeError('InvalidStreamingOperation', 'Cannot set content-type, too late.');
    }
    request.setHeader('Content-Type', type);
  };
  return response;
}

module.exports = { openResponseStream };
