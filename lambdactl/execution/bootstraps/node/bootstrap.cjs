'use strict';

// A Node.js runtime interface client for Lambda's Runtime API, without dependencies.
//
// It behaves as Lambda's managed runtimes do: the declared runtime (AWS_EXECUTION_ENV) decides
// between the programming model up to Node.js 22 and the one from 24 on, whatever Node runs it.

const { RuntimeApi } = require('./client.cjs');

// The connection is made while the rest is loaded.
const api = new RuntimeApi(process.env.AWS_LAMBDA_RUNTIME_API);

const { readInvocation } = require('./context.cjs');
const errors = require('./errors.cjs');
const { defineGlobals } = require('./globals.cjs');
const { loadHandler } = require('./handler.cjs');
const { patchConsole } = require('./logging.cjs');

const NEXT_REFUSED_EXIT = 129;

/** Which generation of Lambda's runtime to be. */
function declaredGeneration() {
  const declared = /^AWS_Lambda_nodejs(\d+)\.x$/.exec(process.env.AWS_EXECUTION_ENV)?.[1];
  const major = Number(declared ?? process.versions.node.split('.')[0]);
  const modern = major >= 24 || process.env.AWS_LAMBDA_MAX_CONCURRENCY !== undefined;
  return { major, modern, noRequestId: modern ? '-' : undefined };
}

/** User code must not find us: no module of ours is cached, none is the main module. */
function hideOurselves() {
  for (const file of Object.keys(require.cache)) {
    if (file.startsWith(__dirname)) {
      delete require.cache[file];
    }
  }
  process.mainModule = undefined;
}

let streaming;
function openResponseStream(...args) {
  if (!streaming) {
    streaming = require('./streaming.cjs');
    streaming.useErrors(errors);
    hideOurselves();
  }
  return streaming.openResponseStream(...args);
}

function serve(log, loaded, createInvoker, extra) {
  const onAnswer = (invocation) => (status) => {
    if (status === 410) {
      console.warn(`The result of invocation ${invocation.id} came too late: it had timed out.`);
    }
  };
  const onInvocation = (status, headers, body) => {
    if (status !== 200) {
      console.warn(`Failed to get next invocation, error ${status}`);
      process.exit(NEXT_REFUSED_EXIT);
    }
    invoke(readInvocation(headers, body));
  };
  const invoke = createInvoker({
    api,
    log,
    loaded,
    openResponseStream,
    onAnswer,
    onInvocation,
    ...extra,
  });
  api.next(onInvocation);
}

async function start() {
  const generation = declaredGeneration();
  const log = patchConsole(generation);
  const model = require(generation.modern ? './modern.cjs' : './classic.cjs');
  const { LAMBDA_TASK_ROOT: appRoot, _HANDLER: handler } = process.env;
  hideOurselves();
  api.idle();

  if (!generation.modern) {
    defineGlobals({});
    model.catchFatalErrors(api, log);
    let loaded;
    try {
      loaded = await loadHandler(appRoot, handler, generation);
    } catch (error) {
      // Nobody catches it on Lambda either; that makes it the init error.
      setImmediate(() => {
        throw error;
      });
      return;
    }
    serve(log, loaded, model.createInvoker, {});
    return;
  }

  errors.beModern();
  const store = new model.InvokeStore();
  defineGlobals({ InvokeStore: store });
  let loaded;
  try {
    loaded = await loadHandler(appRoot, handler, generation);
    model.refuseCallbacks(loaded, generation);
  } catch (error) {
    log.error('Init Error', error);
    const body = errors.errorBody(error);
    // Node itself prints it once more, and ends the process with exit code 1.
    api.initError(body.errorType, JSON.stringify(body), () => Promise.reject(error));
    return;
  }
  serve(log, loaded, model.createInvoker, { store });
}

const standsBy = process.env._LAMBDACTL_STANDBY;
delete process.env._LAMBDACTL_STANDBY;
if (standsBy) {
  // Nothing of the function has been read yet.
  api.standby(start);
} else {
  start();
}
