'use strict';

// The programming model from Node.js 24 on: a handler takes (event, context) and returns its result
// or a promise of it; no callbacks; errors nobody caught are Node's own business.
// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html; the order of steps is that of
// aws-lambda-ric 4.x, https://github.com/aws/aws-lambda-nodejs-runtime-interface-client

const { errorBody, plainError, runtimeError, xrayCause } = require('./errors.cjs');
const { contextData, forwardTrace } = require('./context.cjs');
const { callOutside } = require('./outside.cjs');

const MORE = 'For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.';

/** @throws Runtime.CallbackHandlerDeprecated for a handler that takes a callback. */
function refuseCallbacks({ handler, streaming }, { major }) {
  if (streaming || handler.length < 3) {
    return;
  }
  throw runtimeError(
    'CallbackHandlerDeprecated',
    major === 22
      ? `ERROR: AWS Lambda does not support callback-based function handlers when using Node.js 22 with Managed Instances. To use Managed Instances, modify this function to use a supported handler signature. ${MORE}`
      : `ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. You need to modify this function to use a supported handler signature to use Node.js 24 or later. ${MORE}`,
  );
}

const REQUEST_ID = Symbol.for('_AWS_LAMBDA_REQUEST_ID');
const TRACE_ID = Symbol.for('_AWS_LAMBDA_X_RAY_TRACE_ID');
const TENANT_ID = Symbol.for('_AWS_LAMBDA_TENANT_ID');
const PROTECTED = { REQUEST_ID, X_RAY_TRACE_ID: TRACE_ID, TENANT_ID };

/** awslambda.InvokeStore: what the current invocation is, for libraries (@aws/lambda-invoke-store). */
class InvokeStore {
  static PROTECTED_KEYS = PROTECTED;
  #fields;

  getContext() {
    return this.#fields;
  }

  hasContext() {
    return this.#fields !== undefined;
  }

  get(key) {
    return this.#fields?.[key];
  }

  set(key, value) {
    if (this.isProtectedKey(key)) {
      throw new Error(`Cannot modify protected Lambda context field: ${String(key)}`);
    }
    this.#fields ??= {};
    this.#fields[key] = value;
  }

  run(fields, fn) {
    this.#fields = fields;
    return fn();
  }

  isProtectedKey(key) {
    return Object.values(PROTECTED).includes(key);
  }

  getRequestId() {
    return this.get(REQUEST_ID) ?? '-';
  }

  getXRayTraceId() {
    return this.get(TRACE_ID);
  }

  getTenantId() {
    return this.get(TENANT_ID);
  }
}

// A handler's `this`, as on Lambda: it shows in stack traces.
class BufferedInvokeProcessor {
  constructor(handler) {
    this.handler = handler;
  }
}
class StreamingInvokeProcessor extends BufferedInvokeProcessor {}

function serialize(value) {
  let text;
  try {
    text = JSON.stringify(value === undefined ? null : value);
  } catch {
    throw runtimeError('JSONStringifyError', 'Unable to stringify response body');
  }
  if (typeof text !== 'string') {
    // What Lambda's native client says to a function or a symbol.
    throw plainError(TypeError, 'Wrong arguments');
  }
  return text;
}

function createInvoker({ api, log, loaded, store, openResponseStream, onAnswer, onInvocation }) {
  const Processor = loaded.streaming ? StreamingInvokeProcessor : BufferedInvokeProcessor;
  const processor = new Processor(loaded.handler);

  function begin(invocation) {
    log.requestId = invocation.id;
    store.run({ [REQUEST_ID]: invocation.id, [TRACE_ID]: invocation.traceId }, () => {});
    api.idle();
    forwardTrace(invocation);
    return contextData(invocation, true);
  }

  function fail(invocation, error) {
    log.error('Invoke Error', error);
    const body = errorBody(error);
    const text = JSON.stringify(body);
    api.fail(invocation, body.errorType, text, xrayCause(error), onAnswer(invocation), onInvocation);
  }

  function succeed(invocation, result) {
    let body;
    try {
      body = serialize(result);
    } catch (error) {
      setImmediate(fail, invocation, error);
      return;
    }
    api.respond(invocation, body, onAnswer(invocation), onInvocation);
  }

  function invokeBuffered(invocation) {
    const context = begin(invocation);
    // The turn of the event loop between the result and its report lets late errors win.
    const failed = (error) => setImmediate(fail, invocation, error);
    const succeeded = (result) => setImmediate(succeed, invocation, result);
    callOutside(
      loaded.handler,
      processor,
      [JSON.parse(invocation.body), context],
      (result) => Promise.resolve(result).then(succeeded, failed),
      failed,
    );
  }

  function invokeStreaming(invocation) {
    const context = begin(invocation);
    const stream = openResponseStream(api.address, invocation, loaded.highWaterMark);
    const failed = (error) =>
      setImmediate(() => {
        log.error('Invoke Error', error);
        stream.fail(error, () => api.next(onInvocation));
      });
    const finish = async (result) => {
      if (typeof result?.then !== 'function') {
        throw plainError(Error, 'Streaming does not support non-async handlers.');
      }
      if ((await result) !== undefined) {
        console.warn('Streaming handlers ignore return values.');
      }
      await stream.answered;
      if (!stream.response.writableFinished) {
        throw plainError(Error, 'Response stream is not finished.');
      }
      api.next(onInvocation);
    };
    const args = [JSON.parse(invocation.body), stream.response, context];
    callOutside(loaded.handler, processor, args, (result) => finish(result).catch(failed), failed);
  }

  // The handler has to run before the stream gets its socket, which takes a tick: so does Lambda.
  return loaded.streaming
    ? (invocation) => queueMicrotask(() => invokeStreaming(invocation))
    : invokeBuffered;
}

module.exports = { InvokeStore, createInvoker, refuseCallbacks };
