'use strict';

// The Runtime API over one raw keep-alive socket.
//
// Node's own http client costs more than the whole rest of an invocation, so this speaks just the
// HTTP/1.1 the Runtime API needs: requests go out pipelined (the response of one invocation and the
// long poll for the next in a single write), answers come back in order.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html

const net = require('net');
const { readUntil, writeAll } = require('./blocking.cjs');

const API = '/2018-06-01/runtime/';
const READ_BUFFER_BYTES = 65536;
const LAST_ANSWER_MS = 2000;
// Lambda drops a larger cause: https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
const MAX_XRAY_CAUSE_BYTES = 1024 * 1024;

// What the answer parser is in the middle of.
const HEAD = 0;
const BODY = 1;
const CHUNK_SIZE = 2;
const CHUNK_END = 3;
const TRAILERS = 4;

const EMPTY = Buffer.alloc(0);

// Header values may hold JSON with any character; HTTP/1.1 lines may not hold control characters.
const headerSafe = (text) => text.replace(/[\u0000-\u001f\u007f]/g, ' ');

class RuntimeApi {
  /** @param {string} address host:port, as in AWS_LAMBDA_RUNTIME_API. */
  constructor(address) {
    this.address = address;
    const colon = address.lastIndexOf(':');
    // The read buffer is reused for every read, so whatever is kept has to be copied out of it.
    this.socket = net.connect({
      host: address.slice(0, colon).replace(/^\[|\]$/g, ''),
      port: Number(address.slice(colon + 1)),
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(READ_BUFFER_BYTES),
        callback: (bytes, buffer) => {
          this.#read(buffer.subarray(0, bytes));
          return true;
        },
      },
    });
    // The server ends an environment by closing its connection: nothing is left to be done or said.
    const leave = () => process.exit(0);
    this.socket.on('end', leave).on('close', leave).on('error', (error) => {
      if (!this.socket.remotePort) {
        process.stderr.write(`The Runtime API at ${address} can't be reached: ${error.message}\n`);
        process.exit(1);
      }
      leave();
    });
  }

  // One entry for each request on the wire: what to do with its answer, oldest first.
  #waiting = [];
  #state = HEAD;
  #kept = EMPTY;
  #status = 0;
  #headers = null;
  #body = null;
  #filled = 0;
  #chunks = null;

  #head(method, path) {
    return `${method} ${API}${path} HTTP/1.1\r\nHost: ${this.address}\r\n`;
  }

  #nextRequest(onInvocation) {
    this.#waiting.push(onInvocation);
    // While it waits for work the process has to stay alive; while a handler runs, an otherwise
    // empty event loop is how Node says that the handler is done ('beforeExit').
    this.socket.ref();
    return `${this.#head('GET', 'invocation/next')}\r\n`;
  }

  #post(path, headers, body, onAnswer) {
    this.#waiting.push(onAnswer);
    return (
      `${this.#head('POST', path)}Content-Type: application/json\r\n${headers}` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
    );
  }

  /** Wait for the word: init may begin. */
  standby(onWord) {
    this.#waiting.push(onWord);
    this.socket.ref();
    this.socket.write(`${this.#head('GET', 'standby')}\r\n`);
  }

  /** Ask for the next invocation: onInvocation(status, headers, body). */
  next(onInvocation) {
    this.socket.write(this.#nextRequest(onInvocation));
  }

  /** Post a result, and ask for the next invocation in the same write. */
  respond(invocation, body, onAnswer, onInvocation) {
    const post = this.#post(
      `invocation/${invocation.path}/response`,
      invocation.echo,
      body,
      onAnswer,
    );
    this.socket.write(post + this.#nextRequest(onInvocation));
  }

  #errorPost(invocation, errorType, body, xrayCause, onAnswer) {
    let headers = `${invocation.echo}Lambda-Runtime-Function-Error-Type: ${headerSafe(errorType)}\r\n`;
    if (xrayCause && Buffer.byteLength(xrayCause) < MAX_XRAY_CAUSE_BYTES) {
      headers += `Lambda-Runtime-Function-XRay-Error-Cause: ${headerSafe(xrayCause)}\r\n`;
    }
    return this.#post(`invocation/${invocation.path}/error`, headers, body, onAnswer);
  }

  /** Post an error, and ask for the next invocation in the same write. */
  fail(invocation, errorType, body, xrayCause, onAnswer, onInvocation) {
    const post = this.#errorPost(invocation, errorType, body, xrayCause, onAnswer);
    this.socket.write(post + this.#nextRequest(onInvocation));
  }

  /** Post an error and end the process; in between no other code gets to run. */
  lastWords(invocation, errorType, body, xrayCause, exitCode) {
    const exit = () => process.exit(exitCode);
    const polling = this.#waiting.length > 0;
    const post = this.#errorPost(invocation, errorType, body, xrayCause, exit);
    const descriptor = this.socket._handle?.fd ?? -1;
    if (descriptor < 0 || this.socket.writableLength > 0) {
      this.socket.ref();
      this.socket.write(post);
      return;
    }
    if (writeAll(descriptor, Buffer.from(post)) && !polling) {
      readUntil(descriptor, '\r\n\r\n', LAST_ANSWER_MS);
    }
    exit();
  }

  /** Report that the function could not be loaded. */
  initError(errorType, body, onAnswer) {
    const headers = `Lambda-Runtime-Function-Error-Type: ${headerSafe(errorType)}\r\n`;
    this.socket.ref();
    this.socket.write(this.#post('init/error', headers, body, onAnswer));
  }

  /** Let the event loop run empty while the handler works. */
  idle() {
    this.socket.unref();
  }

  #read(data) {
    let at = 0;
    while (at < data.length) {
      if (this.#state === BODY) {
        at += this.#fill(data, at);
      } else {
        at = this.#line(data, at);
      }
    }
  }

  // Everything but a body is lines: the head (up to its empty line), chunk sizes, trailers.
  #line(data, at) {
    const mark = this.#state === HEAD ? '\r\n\r\n' : '\r\n';
    if (this.#kept.length > 0) {
      // The mark itself may be split over two reads, so look for it in the joined text.
      data = Buffer.concat([this.#kept, data.subarray(at)]);
      this.#kept = EMPTY;
      const end = data.indexOf(mark);
      if (end < 0) {
        this.#kept = data;
        return Infinity;
      }
      this.#text(data.toString('utf8', 0, end));
      this.#read(data.subarray(end + mark.length));
      return Infinity;
    }
    const end = data.indexOf(mark, at);
    if (end < 0) {
      this.#kept = Buffer.from(data.subarray(at));
      return Infinity;
    }
    this.#text(data.toString('utf8', at, end));
    return end + mark.length;
  }

  #text(text) {
    if (this.#state === HEAD) {
      this.#answerHead(text);
    } else if (this.#state === CHUNK_SIZE) {
      const size = parseInt(text, 16);
      if (size === 0) {
        this.#state = TRAILERS;
      } else {
        this.#expect(size);
      }
    } else if (this.#state === CHUNK_END) {
      this.#state = CHUNK_SIZE;
    } else if (text === '') {
      this.#done(Buffer.concat(this.#chunks).toString('utf8'));
    }
  }

  #answerHead(text) {
    const lines = text.split('\r\n');
    const headers = {};
    for (let i = 1; i < lines.length; i++) {
      const line = lines[i];
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    this.#status = Number(lines[0].slice(9, 12));
    if (this.#status < 200) {
      return; // an interim answer; the real one follows
    }
    this.#headers = headers;
    this.#chunks = null;
    if (headers['transfer-encoding'] === 'chunked') {
      this.#chunks = [];
      this.#state = CHUNK_SIZE;
    } else if (Number(headers['content-length']) > 0) {
      this.#expect(Number(headers['content-length']));
    } else {
      this.#done('');
    }
  }

  #expect(bytes) {
    this.#state = BODY;
    this.#filled = 0;
    this.#body = bytes;
  }

  #fill(data, at) {
    const wanted = typeof this.#body === 'number' ? this.#body : this.#body.length;
    const taken = Math.min(wanted - this.#filled, data.length - at);
    if (taken === wanted && this.#chunks === null) {
      this.#done(data.toString('utf8', at, at + taken));
      return taken;
    }
    if (typeof this.#body === 'number') {
      this.#body = Buffer.allocUnsafe(wanted);
    }
    data.copy(this.#body, this.#filled, at, at + taken);
    this.#filled += taken;
    if (this.#filled === wanted) {
      if (this.#chunks === null) {
        this.#done(this.#body.toString('utf8'));
      } else {
        this.#chunks.push(this.#body);
        this.#state = CHUNK_END;
      }
    }
    return taken;
  }

  #done(body) {
    this.#state = HEAD;
    this.#body = null;
    this.#chunks = null;
    this.#waiting.shift()(this.#status, this.#headers, body);
  }
}

module.exports = { RuntimeApi };
