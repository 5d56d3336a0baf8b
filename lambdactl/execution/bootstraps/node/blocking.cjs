'use strict';

// Reads and writes that let no other code run until they are done, also on descriptors that are
// set to answer "try again" (sockets, and a log pipe that a child of the function made so).

const fs = require('fs');

const RETRY_MS = 1;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

// Runs attempt() until it gives a number or the time is over; then, or when it fails, gives -1.
function retry(attempt, deadline) {
  for (;;) {
    try {
      return attempt();
    } catch (error) {
      if (error.code !== 'EAGAIN' || Date.now() > deadline) {
        return -1;
      }
      Atomics.wait(sleeper, 0, 0, RETRY_MS);
    }
  }
}

/** Write all bytes; false when nobody reads any more. */
function writeAll(descriptor, bytes) {
  for (let at = 0; at < bytes.length; ) {
    const written = retry(() => fs.writeSync(descriptor, bytes, at), Infinity);
    if (written < 0) {
      return false;
    }
    at += written;
  }
  return true;
}

/** Read up to and with `mark`, as long as it comes within `patienceMs`. */
function readUntil(descriptor, mark, patienceMs) {
  const deadline = Date.now() + patienceMs;
  const piece = Buffer.alloc(4096);
  let text = '';
  while (!text.includes(mark)) {
    const count = retry(() => fs.readSync(descriptor, piece), deadline);
    if (count <= 0) {
      break;
    }
    text += piece.latin1Slice(0, count);
  }
}

module.exports = { readUntil, writeAll };
