import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

import { handler } from "../src/index.mjs";

const project = fileURLToPath(new URL("..", import.meta.url));
const event = JSON.parse(readFileSync(`${project}/events/upload.json`, "utf8"));

test("the handler alone", async () => {
  const { objects } = await handler(event);
  assert.deepEqual(objects, [{ bucket: "photos", key: "in/my cat.jpg", size: 1024 }]);
});

test("no record is fine", async () => {
  assert.deepEqual(await handler({}), { message: "hello, world", objects: [] });
});

test("in a local Lambda", () => {
  const output = execFileSync("lambdactl", ["invoke", "hello", "-e", "events/upload.json"], {
    cwd: project,
    encoding: "utf8",
  });
  assert.equal(JSON.parse(output).message, "hello, in/my cat.jpg");
});
