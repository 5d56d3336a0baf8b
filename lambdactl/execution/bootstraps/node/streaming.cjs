'use strict';

// The response of a streaming handler: a chunked POST that is written while the handler runs.
// Loaded by the first streaming invocation only. Node's own http request is used here on purpose:
// it is what the handler's `responseStream` is on Lambda, with its events, back pressure and quirks.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-custom.html#runtimes-custom-response-streaming

const http = require('http');
const net = require('net');

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

// How errors are told depends on the runtime's generation; bootstrap.cjs lends its own module.
let errors;
function useErrors(module) {
  errors = module;
}

/**
 * Start the response of `invocation`.
 *
 * @returns {{response, answered, fail}} `response` is what the handler writes to; `answered` settles
 *   when the Runtime API has answered; `fail(error, then)` ends the response with error trailers.
 */
function openResponseStream(address, invocation, highWaterMark) {
  const colon = address.lastIndexOf(':');
  agent.createConnection = (options, onConnect) =>
    net.createConnection({ ...options, highWaterMark }, onConnect);
  const request = http.request({
    agent,
    host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
    port: Number(address.slice(colon + 1)),
    method: 'POST',
    path: `/2018-06-01/runtime/invocation/${invocation.path}/response`,
    headers: {
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      Trailer: [ERROR_TYPE, ERROR_BODY],
      'Content-Type': 'application/octet-stream',
      ...(invocation.attempt ? { 'Lambda-Runtime-Invocation-Id': invocation.attempt } : {}),
    },
  });
  const answered = new Promise((resolve, reject) => {
    request.on('response', (answer) => answer.on('end', resolve).on('aborted', reject).resume());
    request.on('error', (error) => {
      request.destroy(errors.withoutOwnFrames(error));
      // When it is the server that has gone, the main connection ends the process first.
      setImmediate(() => {
        reject(error);
        // On Lambda too, a request that breaks is an error that nobody handles.
        Promise.reject(error);
      });
    });
  });

  const fail = (error, then) => {
    const body = errors.errorBody(error);
    request.addTrailers({
      [ERROR_TYPE]: body.errorType,
      [ERROR_BODY]: Buffer.from(JSON.stringify(body)).toString('base64'),
    });
    // The next poll goes out on another connection, where it could overtake the end of this one.
    request.end(() => answered.then(then, then));
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
      throw errors.runtimeError('InvalidStreamingOperation', 'Cannot set content-type, too late.');
    }
    request.setHeader('Content-Type', type);
  };
  return response;
}

module.exports = { openResponseStream, useErrors };
