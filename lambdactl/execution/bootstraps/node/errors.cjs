'use strict';

// How an error is told: to the Runtime API, in the log, and to X-Ray.
// The wording and the shapes are those of aws-lambda-ric, 3.x for Node.js up to 22 and 4.x from 24 on.
// https://github.com/aws/aws-lambda-nodejs-runtime-interface-client

const OWN_FRAME = `${__dirname}/`;
const FRAME = /^ +at /;

// 3.x and 4.x differ in small things; bootstrap.cjs says which one this process is.
let modern = false;
function beModern() {
  modern = true;
}

const stackLines = (stack) =>
  stack.split('\n').filter((line) => !(FRAME.test(line) && line.includes(OWN_FRAME)));

/** Take our frames out of the error's stack. */
function withoutOwnFrames(error) {
  error.stack = stackLines(error.stack).join('\n');
  return error;
}

// JSON logs show the name of the error's class, and 4.x has named some of its classes anew.
const MODERN_CLASSES = {
  CallbackHandlerDeprecated: 'CallbackHandlerDeprecatedError',
  HandlerNotFound: 'HandlerNotFoundError',
  MalformedHandlerName: 'MalformedHandlerNameError',
};

/** An error of the runtime itself. `stack` is the one to show instead of its own. */
function runtimeError(type, message, stack) {
  const RuntimeError = class extends Error {};
  const className = (modern && MODERN_CLASSES[type]) || type;
  Object.defineProperty(RuntimeError, 'name', { value: className });
  const error = new RuntimeError(message);
  Object.defineProperty(error, 'name', {
    value: `Runtime.${type}`,
    configurable: true,
    enumerable: modern,
    writable: true,
  });
  const frames = stackLines(error.stack).filter((line) => FRAME.test(line));
  error.stack = stack ?? [`${error.name}: ${message}`, ...frames].join('\n');
  return error;
}

const plainError = (Type, message) => withoutOwnFrames(new Type(message));

function intoError(thrown) {
  if (thrown instanceof Error) {
    return thrown;
  }
  return withoutOwnFrames(new Error(modern ? String(thrown) : thrown));
}

function looksLikeError(thrown) {
  return (
    thrown &&
    ['name', 'message', 'stack'].every((key) => typeof thrown[key] === 'string' && thrown[key])
  );
}

// DEL is not allowed in a header value, and the error type becomes one.
const withoutDel = (text) => text?.replace(/\x7F/g, '%7F');

/** The body of /error and /init/error. */
function errorBody(thrown) {
  try {
    if (thrown instanceof Error || (!modern && looksLikeError(thrown))) {
      const trace = modern && !thrown.stack ? [] : stackLines(withoutDel(thrown.stack));
      return {
        errorType: withoutDel(thrown.name),
        errorMessage: withoutDel(thrown.message),
        trace,
      };
    }
    const errorMessage = modern ? String(thrown) : thrown.toString();
    return { errorType: typeof thrown, errorMessage, trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage:
        'callback called with Error argument, but there was a problem while retrieving one or more of its message, name, and stack',
    };
  }
}

function withEnumerableProperties(value) {
  if (!(value instanceof Error)) {
    return value;
  }
  const { name: errorType, message: errorMessage, code } = value;
  const plain = Object.assign({ errorType, errorMessage, code }, value);
  if (typeof value.stack === 'string') {
    plain.stack = stackLines(value.stack);
  }
  return plain;
}

/** The error as a line of the text log shows it. */
function errorForLog(error) {
  try {
    return `\t${JSON.stringify(error, (_key, value) => withEnumerableProperties(value))}`;
  } catch {
    return `\t${JSON.stringify(errorBody(error))}`;
  }
}

/** The cause document for X-Ray, or '' when there is none to give. */
function xrayCause(error) {
  try {
    const frames = stackLines(withoutDel(error.stack ?? '')).filter((line) => FRAME.test(line));
    const stack = frames.map((raw) => {
      const line = raw.trim().replace(/[()]/g, '');
      const frame = line.slice(line.indexOf(' ') + 1);
      const space = frame.lastIndexOf(' ');
      const [path, number] = frame.slice(space + 1).split(':');
      return { path, line: parseInt(number, 10), label: frame.slice(0, Math.max(space, 0)) || 'anonymous' };
    });
    return JSON.stringify({
      working_directory: process.cwd(),
      exceptions: [{ type: withoutDel(error.name), message: withoutDel(error.message), stack }],
      paths: [...new Set(stack.map((frame) => frame.path))],
    });
  } catch {
    return '';
  }
}

module.exports = {
  beModern,
  errorBody,
  errorForLog,
  intoError,
  plainError,
  runtimeError,
  stackLines,
  withoutOwnFrames,
  xrayCause,
};
