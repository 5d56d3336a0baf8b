'use strict';

// console.* as Lambda's managed runtime has it: text or JSON records, filtered by level, each a
// frame of its own on the telemetry descriptor, so a message of many lines stays one record.
// https://docs.aws.amazon.com/lambda/latest/dg/nodejs-logging.html

const { format } = require('util');
const { writeAll } = require('./blocking.cjs');
const { errorForLog, intoError, stackLines } = require('./errors.cjs');

const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const HEADER_BYTES = 16;
const TEXT_FRAME = 0xa55a0003;
const JSON_FRAME = 0xa55a0002;

/** @returns log: {error(title, thrown), requestId, tenantId}; console writes with it from now on. */
function patchConsole(generation) {
  const json = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON';
  const lowest = Math.max(0, LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()));
  const descriptor = parseInt(process.env._LAMBDA_TELEMETRY_LOG_FD, 10);
  delete process.env._LAMBDA_TELEMETRY_LOG_FD;

  const log = { requestId: generation.noRequestId, tenantId: undefined, generation };
  const record = json ? jsonRecord : textRecord;
  const write = Number.isNaN(descriptor) ? writeLine : frameWriter(descriptor, json);

  LEVELS.forEach((name, priority) => {
    console[name.toLowerCase()] =
      priority < lowest
        ? () => {}
        : (message, ...params) => {
            const now = new Date();
            write(priority, now, record(log, now, name, message, params));
          };
  });
  console.log = console.info;
  // Through whatever console is by then: logging libraries put themselves in its place.
  log.error = json
    ? (_title, thrown) => console.error(intoError(thrown))
    : (title, thrown) => console.error(title, errorForLog(intoError(thrown)));
  return log;
}

function textRecord(log, now, level, message, params) {
  return `${now.toISOString()}\t${log.requestId}\t${level}\t${format(message, ...params)}`;
}

function errorFields(error) {
  return {
    errorType: error.constructor?.name ?? 'UnknownError',
    errorMessage: error.message,
    stackTrace: typeof error.stack === 'string' ? stackLines(error.stack) : error.stack,
  };
}

function jsonRecord(log, now, level, message, params) {
  const record = { timestamp: now.toISOString(), level, requestId: log.requestId };
  if (log.tenantId) {
    record.tenantId = log.tenantId;
  }
  if (params.length === 0) {
    record.message = message;
    try {
      return JSON.stringify(record, (_key, value) =>
        value instanceof Error ? Object.assign(errorFields(value), value) : value,
      );
    } catch {
      record.message = format(message);
      return JSON.stringify(record);
    }
  }
  record.message = format(message, ...params);
  const candidates = log.generation.modern ? params : [message, ...params];
  const error = candidates.find((param) => param instanceof Error);
  return JSON.stringify(error ? Object.assign(record, errorFields(error)) : record);
}

// Without the descriptor a record has to be one line: CloudWatch shows \r as a line break.
function writeLine(_priority, _now, text) {
  process.stdout.write(`${text.replace(/\n/g, '\r')}\n`);
}

// https://github.com/aws/aws-lambda-nodejs-runtime-interface-client, "writeFrame": type, length,
// microseconds since the epoch (big endian), then the message.
function frameWriter(descriptor, json) {
  const type = json ? JSON_FRAME : TEXT_FRAME;
  return (priority, now, text) => {
    const message = json ? text : `${text}\n`;
    const length = Buffer.byteLength(message);
    const frame = Buffer.allocUnsafe(HEADER_BYTES + length);
    frame.writeUInt32BE((type | ((priority + 1) << 2)) >>> 0, 0);
    frame.writeUInt32BE(length, 4);
    frame.writeBigInt64BE(BigInt(now.valueOf()) * 1000n, 8);
    frame.write(message, HEADER_BYTES);
    writeAll(descriptor, frame);
  };
}

module.exports = { patchConsole };
