// Stands in for aws-lambda-ric's native module, whose build takes libcurl and minutes: the same
// three calls to the Runtime API. All else in the image is aws-lambda-ric's own JavaScript.
const http = require("http");
const { spawnSync } = require("child_process");

const [hostname, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(":");
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
const root = "/2018-06-01/runtime/invocation";

function call(method, path, body, headers = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request(
      { hostname, port, agent, method, path: `${root}/${path}`, headers },
      (response) => {
        const chunks = [];
        response.on("data", (chunk) => chunks.push(chunk));
        response.on("end", () => resolve([response.headers, Buffer.concat(chunks).toString()]));
      },
    );
    request.on("error", reject);
    request.end(body);
  });
}

// The native module posts and waits. Here the answer is on its way while the runtime asks for the
// next event, which it gets no sooner.
let posted = Promise.resolve();

exports.done = (id, body) => {
  const length = Buffer.byteLength(body);
  const headers = { "content-type": "application/json", "content-length": length };
  // What the Runtime API says to a response (too large, say) matters to nobody.
  posted = call("POST", `${id}/response`, body, headers).catch(() => {});
};

exports.next = async () => {
  await posted;
  const [headers, bodyJson] = await call("GET", "next");
  return { headers, bodyJson };
};

// The runtime exits right after some of its errors, so this one waits until the post is over.
exports.error = (id, body, xray) => {
  const headers = ["-H", "Content-Type: application/json"];
  // The longest that a command's argument can carry, and more than anybody looks at.
  if (xray && Buffer.byteLength(xray) < 100_000) {
    headers.push("-H", `Lambda-Runtime-Function-XRay-Error-Cause: ${xray}`);
  }
  const target = `http://${hostname}:${port}${root}/${id}/error`;
  const words = ["-sS", "-o", "/dev/null", ...headers, "--data-binary", "@-", target];
  spawnSync("/usr/bin/curl", words, { input: body, env: {} });
};
