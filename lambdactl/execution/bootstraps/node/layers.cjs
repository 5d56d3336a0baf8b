'use strict';
// Lets ES modules find what layers bring: import looks past NODE_PATH, and Lambda's runtimes since
// Node.js 18 do not
// (https://aws.amazon.com/blogs/compute/node-js-18-x-runtime-now-available-in-aws-lambda/).

const fs = require('fs');
const module_ = require('module');
const path = require('path');
const { pathToFileURL } = require('url');

// The resolution hook, for a thread of its own: a package that is not beside the code is looked for
// beside each folder of NODE_PATH, by the usual rules.
const HOOK = `
let parents = [];
export function initialize(given) { parents = given; }
export async function resolve(name, context, next) {
  try {
    return await next(name, context);
  } catch (error) {
    if (error?.code === 'ERR_MODULE_NOT_FOUND' && /^[^./][^:]*$/.test(name)) {
      for (const parentURL of parents) {
        try {
          return await next(name, { ...context, parentURL });
        } catch {}
      }
    }
    const own = (line) => line.includes('(data:text/javascript');
    error.stack = error.stack.split('\\n').filter((line) => !own(line)).join('\\n');
    throw error;
  }
}`;

let done = false;

/** Once; costs nothing where there is no such folder. */
function findInLayers() {
  if (done) return;
  done = true;
  const folders = (process.env.NODE_PATH ?? '')
    .split(path.delimiter)
    .filter((folder) => path.basename(folder) === 'node_modules' && fs.existsSync(folder));
  // Node.js 20.6 and later.
  if (folders.length === 0 || !module_.register) return;
  module_.register(`data:text/javascript,${encodeURIComponent(HOOK)}`, {
    parentURL: pathToFileURL(__filename).href,
    data: folders.map((folder) => pathToFileURL(path.join(folder, '..', 'index.mjs')).href),
  });
}

module.exports = { findInLayers };
