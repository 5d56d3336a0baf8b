'use strict';

// From the handler's name to the function to call.
// Rules, order and texts: aws-lambda-ric 3.x (Node.js up to 22, CommonJS first) and 4.x (from 24 on,
// everything imported), https://github.com/aws/aws-lambda-nodejs-runtime-interface-client

const fs = require('fs');
const path = require('path');
const { pathToFileURL } = require('url');
const { createRequire } = require('module');
const { runtimeError, withoutOwnFrames } = require('./errors.cjs');
const { findInLayers } = require('./layers.cjs');
const { outside } = require('./outside.cjs');

// User code is loaded as if by Lambda's runtime: this name shows up in Node's messages.
const LOADER = '/var/runtime/index.mjs';
const userRequire = createRequire(LOADER);
const userImport = (file) => {
  findInLayers();
  return import(pathToFileURL(file).href);
};

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

/** @returns {{handler: Function, streaming: boolean, highWaterMark: number | undefined}} */
async function loadHandler(appRoot, name, generation) {
  if (name.includes('..')) {
    throw runtimeError(
      'MalformedHandlerName',
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const base = path.basename(name);
  const folder = name.slice(0, name.indexOf(base));
  const parts = /^([^.]*)\.(.*)$/.exec(base);
  if (!parts) {
    throw runtimeError('MalformedHandlerName', 'Bad handler');
  }
  const [, moduleName, exportPath] = parts;
  const module = await loadModule(appRoot, folder, moduleName, generation);
  const handler = generation.modern
    ? find(module, exportPath) || find(module?.default, exportPath)
    : exportPath.split('.').reduce((nested, key) => nested && nested[key], module);
  if (!handler) {
    throw runtimeError('HandlerNotFound', `${name} is undefined or not exported`);
  }
  if (typeof handler !== 'function') {
    throw runtimeError('HandlerNotFound', `${name} is not a function`);
  }
  return { handler, ...streamingOptions(handler) };
}

function find(module, exportPath) {
  return exportPath
    .split('.')
    .reduce((nested, key) => (nested && typeof nested === 'object' ? nested[key] : undefined), module);
}

function streamingOptions(handler) {
  const mode = handler[STREAMING];
  if (mode === undefined || mode === null || mode === false) {
    return { streaming: false };
  }
  if (mode !== 'response') {
    throw runtimeError('MalformedStreamingHandler', 'Only response streaming is supported.');
  }
  const mark = parseInt(handler[HIGH_WATER_MARK], 10);
  return { streaming: true, highWaterMark: Number.isNaN(mark) ? undefined : mark };
}

async function loadModule(appRoot, folder, moduleName, generation) {
  const file = path.resolve(appRoot, folder, moduleName);
  try {
    const module = generation.modern ? await importAny(file) : await requireOrImport(file);
    if (module) {
      return module;
    }
    // Node's own resolution: a package in node_modules, a folder on NODE_PATH.
    const paths = [appRoot, generation.modern ? path.join(appRoot, folder) : folder];
    return await outside(userRequire, userRequire.resolve(moduleName, { paths }));
  } catch (error) {
    nameLoader(error);
    if (error instanceof SyntaxError) {
      // Its stack begins with the file and the line, which is what the author needs to see; 3.x
      // would show frames of the runtime in its place.
      const head = generation.modern ? '' : `Runtime.UserCodeSyntaxError: ${error}\n`;
      throw runtimeError('UserCodeSyntaxError', String(error), head + error.stack);
    }
    if (error?.code === 'MODULE_NOT_FOUND') {
      throw runtimeError('ImportModuleError', String(error));
    }
    throw error;
  }
}

// "... imported from": import() can't be called in another's name, as require() can.
function nameLoader(error) {
  if (error instanceof Error && error.message.includes(__filename)) {
    const { stack } = error;
    error.message = error.message.replaceAll(__filename, LOADER);
    error.stack = stack.replaceAll(__filename, LOADER);
  }
}

async function importAny(file) {
  for (const extension of ['', '.js', '.mjs', '.cjs']) {
    const module = fs.existsSync(file + extension) && (await outside(userImport, file + extension));
    if (module) {
      return module;
    }
  }
  return undefined;
}

async function requireOrImport(file) {
  const load = (how, extension) =>
    fs.existsSync(file + extension) ? outside(how, file + extension) : undefined;
  const moduleType = fs.existsSync(`${file}.js`) && isModuleFolder(path.dirname(file));
  return (
    (await load(userRequire, '')) ||
    (await load(moduleType ? userImport : userRequire, '.js')) ||
    (await load(userImport, '.mjs')) ||
    (await load(userRequire, '.cjs'))
  );
}

/** Whether the nearest package.json makes .js files ES modules. */
function isModuleFolder(folder) {
  if (folder.endsWith('/node_modules')) {
    return false;
  }
  const manifest = path.join(folder, 'package.json');
  if (fs.existsSync(manifest)) {
    try {
      return JSON.parse(fs.readFileSync(manifest, 'utf8')).type === 'module';
    } catch (error) {
      console.warn(
        `${manifest} cannot be read, it will be ignored for ES module detection purposes.`,
        withoutOwnFrames(error),
      );
      return false;
    }
  }
  const parent = path.dirname(folder);
  return parent !== folder && isModuleFolder(parent);
}

module.exports = { HIGH_WATER_MARK, STREAMING, loadHandler };
