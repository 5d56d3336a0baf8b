'use strict';

// The `awslambda` global of Lambda's managed Node.js runtimes.
// https://docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html

const { HIGH_WATER_MARK, STREAMING } = require('./handler.cjs');

const PRELUDE_TYPE = 'application/vnd.awslambda.http-integration-response';
const PRELUDE_END = 8; // NUL bytes between the prelude and the body

function streamifyResponse(handler, options) {
  handler[STREAMING] = 'response';
  if (typeof options?.highWaterMark === 'number') {
    handler[HIGH_WATER_MARK] = parseInt(options.highWaterMark, 10);
  }
  return handler;
}

class HttpResponseStream {
  /** Have status, headers and cookies of an HTTP answer sent ahead of the stream's first bytes. */
  static from(underlyingStream, prelude) {
    underlyingStream.setContentType(PRELUDE_TYPE);
    const text = JSON.stringify(prelude);
    underlyingStream._onBeforeFirstWrite = (write) => {
      write(text);
      write(new Uint8Array(PRELUDE_END));
    };
    return underlyingStream;
  }
}

/** Define `awslambda`, unless the function's environment says not to. */
function defineGlobals(extra) {
  if (!['1', 'true'].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) {
    globalThis.awslambda = { ...extra, streamifyResponse, HttpResponseStream };
  }
}

module.exports = { defineGlobals };
