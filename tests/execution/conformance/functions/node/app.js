// One handler that behaves as its event asks.
const fs = require("fs");
const os = require("os");

let count = 0;
console.log("module loaded");
if (process.env.INIT === "raise") throw new Error("no init today");
if (process.env.INIT === "exit") process.exit(7);

const sleep = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));

const actions = {
  echo: (event) => event,
  count: () => count,
  context: (event, context) => ({
    aws_request_id: context.awsRequestId,
    function_name: context.functionName,
    function_version: context.functionVersion,
    invoked_function_arn: context.invokedFunctionArn,
    memory_limit_in_mb: String(context.memoryLimitInMB),
    log_group_name: context.logGroupName,
    log_stream_name: context.logStreamName,
    remaining_ms: context.getRemainingTimeInMillis(),
  }),
  environment: () => ({ ...process.env }),
  where: () => ({ cwd: process.cwd(), tmp: os.tmpdir() }),
  raise: () => {
    class Custom extends Error {}
    const error = new Custom("it broke");
    error.name = "Custom";
    throw error;
  },
  exit: (event) => process.exit(event.status),
  kill: async (event) => {
    process.kill(process.pid, event.signal);
    await sleep(5);
  },
  sleep: async (event) => {
    await sleep(event.seconds);
    return "slept";
  },
  allocate: (event) => Buffer.alloc(event.mb * 1024 * 1024, 1).length,
  large: (event) => "x".repeat(event.bytes),
  nothing: () => undefined,
  print: () => {
    process.stdout.write("to stdout\n");
    process.stderr.write("to stderr\n");
    process.stdout.write("to stdout again\n");
  },
  flood: (event) => {
    for (let line = 0; line < event.kb; line++) {
      try {
        fs.writeSync(1, "x".repeat(1023) + "\n");
      } catch (error) {
        // AWS's runtime has made the pipe one that does not wait; up to 4 KB go as a whole or not.
        if (error.code !== "EAGAIN") throw error;
        line--;
      }
    }
    return "flooded";
  },
  partial: () => {
    fs.writeSync(1, "no line end");
  },
  write: (event) => {
    const path = `${os.tmpdir()}/${event.name}`;
    for (let mb = 0; mb < event.mb; mb++) fs.appendFileSync(path, Buffer.alloc(1024 * 1024, "x"));
    return fs.statSync(path).size;
  },
  files: () => fs.readdirSync(os.tmpdir()).filter((name) => name.startsWith("file")).sort(),
  opt: () => ({
    module: require("in_layer").NAME,
    bin: fs.readdirSync(process.env.PATH.split(":").pop()).sort(),
  }),
};

exports.handler = async (event, context) => {
  count += 1;
  return actions[event.do](event, context);
};

if (globalThis.awslambda?.streamifyResponse) {
  exports.stream = awslambda.streamifyResponse(async (event, stream) => {
    stream.setContentType("text/plain");
    stream.write("first ");
    await sleep(event.seconds ?? 0.01);
    if (event.exit) process.exit(3);
    for (let mb = 0; mb < (event.mb ?? 0); mb++) stream.write("x".repeat(1024 * 1024));
    stream.end("last");
  });
}
