import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { handler } from "../src/index.mjs";

const project = fileURLToPath(new URL("..", import.meta.url));
const event = JSON.parse(readFileSync(`${project}/events/time.json`, "utf8"));

const time = (zone) => handler({ ...event, pathParameters: { zone } });
const meeting = (body, isBase64Encoded = false) =>
  handler({ ...event, routeKey: "POST /meetings", body, isBase64Encoded });

test("the time of the request in a zone", async () => {
  const { statusCode, body } = await time("Europe/Paris");
  assert.equal(statusCode, 200);
  assert.deepEqual(JSON.parse(body), { zone: "Europe/Paris", time: "2025-04-27 23:53:55" });
});

test("a zone that is not there", async () => {
  const { statusCode, body } = await time("Atlantis");
  assert.equal(statusCode, 404);
  assert.deepEqual(JSON.parse(body), { error: "there is no time zone Atlantis" });
});

test("a meeting, around the world", async () => {
  const asked = JSON.stringify({ at: "2026-03-01T15:00:00Z", zones: ["Asia/Tokyo", "UTC"] });
  const { statusCode, body } = await meeting(asked);
  assert.equal(statusCode, 200);
  assert.deepEqual(JSON.parse(body).times, [
    { zone: "Asia/Tokyo", time: "2026-03-02 00:00:00" },
    { zone: "UTC", time: "2026-03-01 15:00:00" },
  ]);
  const encoded = await meeting(Buffer.from(asked).toString("base64"), true);
  assert.equal(encoded.body, body);
});

for (const [body, status] of [
  ["{", 400],
  ["null", 422],
  ['{"at": "soon", "zones": ["UTC"]}', 422],
  ['{"at": "2026-03-01T15:00:00Z", "zones": []}', 422],
  ['{"at": "2026-03-01T15:00:00Z", "zones": ["Atlantis"]}', 422],
]) {
  test(`${body} is refused`, async () => assert.equal((await meeting(body)).statusCode, status));
}

test("in a local Lambda", () => {
  const output = execFileSync("lambdactl", ["invoke", "clock", "-e", "events/time.json"], {
    cwd: project,
    encoding: "utf8",
  });
  assert.equal(JSON.parse(JSON.parse(output).body).time, "2025-04-27 23:53:55");
});
