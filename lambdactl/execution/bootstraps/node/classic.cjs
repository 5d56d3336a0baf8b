'use strict';

// The programming model of Node.js up to 22: callbacks, context.succeed/fail/done, a handler that
// is done when the event loop is empty, and errors nobody caught end the process.
// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html; the order of steps is that of
// aws-lambda-ric 3.x, https://github.com/aws/aws-lambda-nodejs-runtime-interface-client

const { errorBody, plainError, runtimeError, xrayCause } = require('./errors.cjs');
const { contextData, forwardTrace } = require('./context.cjs');
const { callOutside } = require('./outside.cjs');

const UNCAUGHT_EXIT = 129;
const UNHANDLED_EXIT = 128;
const UNSETTLED_AWAIT_EXIT = 13;
const REQUEST_ID = Symbol.for('aws.lambda.runtime.requestId');
const TENANT_ID = Symbol.for('aws.lambda.runtime.tenantId');

const nothing = () => {};

// What an empty event loop means right now. During init: a top-level await that never settles.
let whenEmpty = () => process.exit(UNSETTLED_AWAIT_EXIT);
// Who is told of an error that nobody caught: the init endpoint first, then the invocation.
let report;

/** Errors nobody catches are reported as the function's result, and end the process. */
function catchFatalErrors(api, log) {
  report = (error, exitCode) => {
    const body = errorBody(error);
    api.initError(body.errorType, JSON.stringify(body), () => process.exit(exitCode));
  };
  process.on('uncaughtException', (error) => {
    log.error('Uncaught Exception', error);
    report(error, UNCAUGHT_EXIT);
  });
  process.on('unhandledRejection', (reason, promise) => {
    const error = runtimeError('UnhandledPromiseRejection', String(reason));
    error.reason = reason;
    error.promise = promise;
    log.error('Unhandled Promise Rejection', error);
    report(error, UNHANDLED_EXIT);
  });
  process.on('beforeExit', () => whenEmpty());
}

// A handler's `this`, as on Lambda: it shows in stack traces ("at Runtime.handler").
class Runtime {
  constructor(handler) {
    this.handler = handler;
  }
}

function serialize(value) {
  let text;
  try {
    text = JSON.stringify(value === undefined ? null : value);
  } catch {
    throw plainError(Error, 'Unable to stringify response body');
  }
  if (typeof text !== 'string') {
    // What Lambda's native client says to a function or a symbol.
    throw plainError(TypeError, 'Wrong arguments');
  }
  return text;
}

function createInvoker({ api, log, loaded, openResponseStream, onAnswer, onInvocation }) {
  const runtime = new Runtime(loaded.handler);
  const next = () => setImmediate(() => api.next(onInvocation));

  function begin(invocation) {
    log.requestId = invocation.id;
    log.tenantId = invocation.tenantId;
    globalThis[REQUEST_ID] = invocation.id;
    globalThis[TENANT_ID] = invocation.tenantId;
    api.idle();
    report = (error, exitCode) => {
      const body = errorBody(error);
      api.lastWords(invocation, body.errorType, JSON.stringify(body), xrayCause(error), exitCode);
    };
  }

  // The handler's own error could not even be told.
  function giveUp(error) {
    console.log(`Unexpected Top Level Error: ${error}`);
    report(error, UNCAUGHT_EXIT);
  }

  function postError(invocation, error) {
    log.error('Invoke Error', error);
    const body = errorBody(error);
    const text = JSON.stringify(body);
    api.fail(invocation, body.errorType, text, xrayCause(error), onAnswer(invocation), onInvocation);
  }

  function invokeBuffered(invocation) {
    begin(invocation);
    let waitForEmptyEventLoop = true;
    let completed = false;
    let finished = false;

    const complete = (result) => {
      if (completed) {
        console.error(
          'Invocation has already been reported as done. Cannot call complete more than once per invocation.',
        );
        return;
      }
      completed = true;
      api.respond(invocation, serialize(result), onAnswer(invocation), onInvocation);
    };
    const done = (error, result) => {
      whenEmpty = nothing;
      if (error !== undefined && error !== null) {
        postError(invocation, error);
      } else {
        complete(result);
      }
    };
    // Whichever way out is taken first counts, unless it throws.
    const once =
      (way) =>
      (...args) => {
        if (!finished) {
          way(...args);
          finished = true;
        }
      };
    const callback = once((error, result) => {
      if ((error !== undefined && error !== null) || !waitForEmptyEventLoop) {
        done(error, result);
      } else {
        whenEmpty = () => {
          whenEmpty = nothing;
          setImmediate(complete, result);
        };
      }
    });
    const context = {
      get callbackWaitsForEmptyEventLoop() {
        return waitForEmptyEventLoop;
      },
      set callbackWaitsForEmptyEventLoop(value) {
        waitForEmptyEventLoop = value;
      },
      succeed: once((result) => done(null, result)),
      fail: once((error) => (error === undefined || error === null ? done('handled') : done(error))),
      done: once(done),
    };

    // A handler that neither calls back nor returns a promise has the result null.
    whenEmpty = () => {
      whenEmpty = nothing;
      completed = true;
      api.respond(invocation, 'null', onAnswer(invocation), onInvocation);
    };
    try {
      const event = JSON.parse(invocation.body);
      forwardTrace(invocation);
      Object.assign(context, contextData(invocation, false));
      const returned = (result) => {
        try {
          if (typeof result?.then === 'function') {
            result.then(context.succeed, context.fail).catch(context.fail);
          }
        } catch (error) {
          thrown(error);
        }
      };
      const thrown = (error) => {
        try {
          callback(error);
        } catch (another) {
          giveUp(another);
        }
      };
      callOutside(loaded.handler, runtime, [event, context, callback], returned, thrown);
    } catch (error) {
      callback(error);
    }
  }

  function invokeStreaming(invocation) {
    begin(invocation);
    let waitForEmptyEventLoop = true;
    const context = {
      get callbackWaitsForEmptyEventLoop() {
        return waitForEmptyEventLoop;
      },
      set callbackWaitsForEmptyEventLoop(value) {
        waitForEmptyEventLoop = value;
      },
    };
    const stream = openResponseStream(api.address, invocation, loaded.highWaterMark);
    const scheduleNext = () => {
      whenEmpty = waitForEmptyEventLoop
        ? () => {
            whenEmpty = nothing;
            next();
          }
        : nothing;
      if (!waitForEmptyEventLoop) {
        next();
      }
    };
    const fail = (error) => {
      log.error('Invoke Error', error);
      stream.fail(error, scheduleNext);
    };

    whenEmpty = () => {
      whenEmpty = nothing;
      next();
    };
    const finish = async (result) => {
      if (typeof result?.then !== 'function') {
        fail('Streaming does not support non-async handlers.');
        return;
      }
      if ((await result) !== undefined) {
        console.warn('Streaming handlers ignore return values.');
      }
      await stream.answered;
      if (stream.response.writableFinished) {
        scheduleNext();
      } else {
        fail('Response stream is not finished.');
      }
    };
    try {
      forwardTrace(invocation);
      Object.assign(context, contextData(invocation, false));
      const args = [JSON.parse(invocation.body), stream.response, context];
      callOutside(loaded.handler, runtime, args, (result) => finish(result).catch(fail), fail);
    } catch (error) {
      fail(error);
    }
  }

  // The handler has to run before the stream gets its socket, which takes a tick: so does Lambda.
  return loaded.streaming
    ? (invocation) => queueMicrotask(() => invokeStreaming(invocation))
    : invokeBuffered;
}

module.exports = { catchFatalErrors, createInvoker };
