"""Functions and events whose treatment by Lambda's Node.js runtimes is known or compared."""

# ruff: noqa: E501 - a function is easier to read on one line
from __future__ import annotations

import re
from typing import Any

from tests.execution.bootstraps.transcripts import Case, Language

ALL = ("22", "24")
CLASSIC = ("22",)
MODERN = ("24",)


def _case(name: str, files: dict[str, str], handler: str = "index.handler", **options: Any) -> Case:
    options.setdefault("generations", ALL)
    return Case(name, files, handler, **options)


def _js(name: str, source: str, **options: Any) -> Case:
    return _case(name, {"index.js": source}, **options)


def _handler(name: str, body: str, **options: Any) -> Case:
    return _js(name, f"exports.handler = {body};", **options)


JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}

_RESULTS = {
    "object": "({a: [1, 'é', null, {b: 1.5}]})",
    "undefined": "undefined",
    "null": "null",
    "string": "'text'",
    "number": "42",
    "NaN": "NaN",
    "date": "new Date(0)",
    "bigint": "1n",
    "circular": "(() => { const a = {}; a.a = a; return a; })()",
    "function": "() => 1",
    "symbol": "Symbol('s')",
    "buffer": "Buffer.from('hi')",
    "map": "new Map([[1, 2]])",
    "toJSON that throws": "({toJSON() { throw new RangeError('no'); }})",
}

_THROWN = {
    "Error": "new Error('bad')",
    "TypeError": "new TypeError('bad')",
    "error with properties": "Object.assign(new Error('bad'), {code: 'E1', extra: {a: 1}})",
    "error with a cause": "new Error('outer', {cause: new Error('inner')})",
    "own class": "new (class MyError extends Error {})('mine')",
    "own class with a name": (
        "new (class MyError extends Error { constructor(m) { super(m); this.name = 'MyError'; } })"
        "('mine')"
    ),
    "string": "'text'",
    "number": "7",
    "null": "null",
    "undefined": "undefined",
    "object": "({a: 1})",
    "error-like object": "({name: 'N', message: 'm', stack: 'N: m\\n    at x'})",
    "error of many lines": "new Error('one\\ntwo')",
    "DEL": "new Error('a\\x7Fb')",
    "circular error": "(() => { const e = new Error('c'); e.self = e; return e; })()",
    "aggregate": "new AggregateError([new Error('a')], 'all')",
    "error without stack": "(() => { const e = new Error('s'); e.stack = undefined; return e; })()",
    "symbol": "Symbol('s')",
}

_LOGS = """
  console.log('plain');
  console.log('%s is %d', 'one', 1, {a: {b: {c: {d: 1}}}});
  console.info('two\\nlines');
  console.warn('w', [1, 2]);
  console.error('e');
  console.debug('d');
  console.trace('t');
  console.fatal('f');
  console.log();
  console.log(undefined);
  console.log({a: 1, nested: {b: [1]}});
  console.log(7, 'x');
  console.log('err', Object.assign(new TypeError('bad'), {stack: 'TypeError: bad\\n    at x'}));
  console.log(Object.assign(new TypeError('bad'), {stack: 'TypeError: bad\\n    at x', code: 1}));
  console.log({e: Object.assign(new RangeError('in'), {stack: 'S'})});
  console.log(1n);
  const c = {}; c.c = c; console.log(c);
  console.log('');
  console.log('ü 日本');
  console.table([{a: 1}]);
  console.assert(false, 'asserted');
  console.count('n');
  console.group('g'); console.log('in group'); console.groupEnd();
"""

CASES: list[Case] = [
    # results
    *(_handler(f"async result {n}", f"async () => ({v})") for n, v in _RESULTS.items()),
    *(_handler(f"sync result {n}", f"() => ({v})") for n, v in _RESULTS.items()),
    *(
        _handler(
            f"callback result {n}", f"(e, c, cb) => {{ cb(null, ({v})) }}", generations=CLASSIC
        )
        for n, v in _RESULTS.items()
    ),
    # errors
    *(_handler(f"async throw {n}", f"async () => {{ throw {v} }}") for n, v in _THROWN.items()),
    *(_handler(f"sync throw {n}", f"() => {{ throw {v} }}") for n, v in _THROWN.items()),
    *(
        _handler(f"callback error {n}", f"(e, c, cb) => {{ cb({v}) }}", generations=CLASSIC)
        for n, v in _THROWN.items()
    ),
    *(
        _handler(f"context.fail {n}", f"(e, c) => {{ c.fail({v}) }}", generations=CLASSIC)
        for n, v in _THROWN.items()
    ),
    _handler(
        "throws, JSON log", "async () => { throw new TypeError('bad') }", env=JSON, events=({}, {})
    ),
    _handler(
        "throws after an await", "async () => { await 1; deep(); function deep() { null.x } }"
    ),
    # the classic ways out
    _handler(
        "callback later",
        "(e, c, cb) => { setTimeout(() => { console.log('late'); cb(null, e) }, 20) }",
        events=({"n": 1}, {"n": 2}),
        generations=CLASSIC,
    ),
    _handler(
        "callback waits for an empty event loop",
        "(e, c, cb) => { setTimeout(() => console.log('timer'), 50); cb(null, 'x') }",
        generations=CLASSIC,
    ),
    _handler(
        "callback does not wait",
        "(e, c, cb) => { c.callbackWaitsForEmptyEventLoop = false;"
        " setTimeout(() => console.log('timer'), 5000); cb(null, 'x') }",
        generations=CLASSIC,
    ),
    _handler("callback twice", "(e, c, cb) => { cb(null, 1); cb(null, 2) }", generations=CLASSIC),
    _handler("succeed", "(e, c) => { c.succeed({ok: true}) }", generations=CLASSIC),
    _handler(
        "succeed and callback", "(e, c, cb) => { c.succeed(1); cb(null, 2) }", generations=CLASSIC
    ),
    _handler("done with result", "(e, c) => { c.done(null, 5) }", generations=CLASSIC),
    _handler("done with error", "(e, c) => { c.done(new Error('d')) }", generations=CLASSIC),
    _handler("fail without error", "(e, c) => { c.fail() }", generations=CLASSIC),
    _handler(
        "async and callback",
        "async (e, c, cb) => { cb(null, 'cb'); return 'async' }",
        generations=CLASSIC,
    ),
    _handler(
        "async and callback with timer",
        "async (e, c, cb) => { setTimeout(() => cb(null, 'cb'), 30); }",
        generations=CLASSIC,
    ),
    _handler(
        "callback then throw",
        "(e, c, cb) => { cb(null, 1); throw new Error('t') }",
        generations=CLASSIC,
    ),
    _handler(
        "never calls back",
        "(e, c, cb) => { console.log('quiet') }",
        generations=CLASSIC,
        events=({}, {}),
    ),
    _handler("callback refused", "(e, c, cb) => { cb(null, 1) }", generations=MODERN),
    _handler("async with three parameters", "async (e, c, cb) => 1", generations=MODERN),
    _handler(
        "keys of the context",
        "async (e, c) => ({keys: Object.keys(c), all: c, left: c.getRemainingTimeInMillis() > 0})",
        headers={"Lambda-Runtime-Deadline-Ms": "4102444800000"},
    ),
    _handler(
        "client context and identity",
        "async (e, c) => [c.clientContext, c.identity, c.tenantId, process.env._X_AMZN_TRACE_ID]",
        headers={
            "Lambda-Runtime-Client-Context": '{"custom": {"é": "1"}}',
            "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId": "i"}',
            "Lambda-Runtime-Aws-Tenant-Id": "blue",
        },
    ),
    _handler(
        "no trace",
        "async () => String(process.env._X_AMZN_TRACE_ID)",
        headers={"Lambda-Runtime-Trace-Id": None},
    ),
    _handler(
        "context printed",
        "async (e, c) => { console.log(c) }",
        headers={"Lambda-Runtime-Deadline-Ms": "4102444800000"},
    ),
    _handler(
        "broken client context",
        "async () => 1",
        headers={"Lambda-Runtime-Client-Context": "{"},
        generations=CLASSIC,
    ),
    # what nobody caught
    _handler(
        "rejection nobody handles",
        "async () => { Promise.reject(new Error('r')); await new Promise((r) => setTimeout(r, 50)) }",
    ),
    _handler(
        "rejection with a string",
        "async () => { Promise.reject('text'); await new Promise((r) => setTimeout(r, 50)) }",
    ),
    _handler(
        "exception nobody catches",
        "async () => { setTimeout(() => { throw new RangeError('x') }, 10); await new Promise((r) => setTimeout(r, 50)) }",
    ),
    _handler(
        "exception nobody catches, JSON log",
        "async () => { setTimeout(() => { throw new RangeError('x') }, 10); await new Promise((r) => setTimeout(r, 50)) }",
        env=JSON,
        generations=CLASSIC,
    ),
    _handler(
        "string nobody catches",
        "async () => { setTimeout(() => { throw 'text' }, 10); await new Promise((r) => setTimeout(r, 50)) }",
        generations=CLASSIC,
    ),
    _handler("exit", "async () => { process.exit(3) }"),
    _handler("exit 0", "async () => { process.exit(0) }"),
    _handler("promise that never settles", "() => new Promise(() => {})"),
    _handler("thenable", "() => ({then(ok) { ok('then') }})"),
    _handler(
        "late rejection",
        "async () => { setImmediate(() => Promise.reject(new Error('l'))); return 1 }",
    ),
    _js(
        "own listener for rejections",
        "process.on('unhandledRejection', () => console.log('mine'));"
        "exports.handler = async () => { Promise.reject(new Error('r')); await new Promise((r) => setTimeout(r, 30)) }",
        generations=CLASSIC,
    ),
    # logs
    _handler("logs, text", f"async () => {{ {_LOGS} }}"),
    _handler("logs, JSON", f"async () => {{ {_LOGS} }}", env=JSON),
    _handler(
        "logs, JSON from WARN",
        f"async () => {{ {_LOGS} }}",
        env={**JSON, "AWS_LAMBDA_LOG_LEVEL": "WARN"},
    ),
    _handler(
        "logs, JSON from FATAL",
        f"async () => {{ {_LOGS} }}",
        env={**JSON, "AWS_LAMBDA_LOG_LEVEL": "fatal"},
    ),
    _handler(
        "logs, JSON with tenant",
        "async () => { console.log('t') }",
        env=JSON,
        headers={"Lambda-Runtime-Aws-Tenant-Id": "blue"},
    ),
    _js("logs during init, text", "console.log('init'); exports.handler = async () => 1"),
    _js("logs during init, JSON", "console.log('init'); exports.handler = async () => 1", env=JSON),
    _handler(
        "stdout and stderr",
        "async () => { process.stdout.write('out\\n'); process.stderr.write('err\\n') }",
    ),
    # finding the handler
    _case("folder", {"src/app.js": "exports.handler = async () => 'src'"}, "src/app.handler"),
    _case("nested export", {"app.js": "exports.a = {b: {c: async () => 'abc'}}"}, "app.a.b.c"),
    _case("mjs", {"index.mjs": "export const handler = async () => import.meta.url.slice(-9)"}),
    _case(
        "mjs default export",
        {"index.mjs": "export default {handler: async () => 'd'}"},
        generations=MODERN,
    ),
    _case("mjs default by name", {"index.mjs": "export default async () => 'd'"}, "index.default"),
    _case("cjs", {"index.cjs": "exports.handler = async () => 'cjs'"}),
    _case(
        "js of a module package",
        {
            "index.js": "export const handler = async () => 'esm'",
            "package.json": '{"type": "module"}',
        },
    ),
    _case(
        "js of a module package, one folder up",
        {
            "src/index.js": "export const handler = async () => 'esm'",
            "package.json": '{"type": "module"}',
        },
        "src/index.handler",
    ),
    _case(
        "cjs in a module package",
        {
            "index.cjs": "exports.handler = async () => typeof require",
            "package.json": '{"type": "module"}',
        },
    ),
    _case(
        "package.json that is broken",
        {"index.js": "exports.handler = async () => 'js'", "package.json": "{"},
        generations=CLASSIC,
    ),
    _case(
        "js before mjs",
        {
            "index.js": "exports.handler = async () => 'js'",
            "index.mjs": "export const handler = async () => 'mjs'",
        },
    ),
    _case(
        "folder with index.js",
        {"app/index.js": "exports.handler = async () => 'index'"},
        "app.handler",
    ),
    _case(
        "package in node_modules",
        {"node_modules/app/index.js": "exports.handler = async () => 'pkg'"},
        "app.handler",
    ),
    _case("file without extension", {"app": "exports.handler = async () => 'bare'"}, "app.handler"),
    _case(
        "top-level await",
        {
            "index.mjs": "await new Promise((r) => setTimeout(r, 10)); export const handler = async () => 'tla'"
        },
    ),
    _case(
        "top-level await that never ends",
        {"index.mjs": "await new Promise(() => {}); export const handler = 1"},
    ),
    _case("module that is not there", {"other.js": ""}),
    _case(
        "dependency that is not there",
        {"index.js": "require('nothing'); exports.handler = async () => 1"},
    ),
    _case(
        "import that is not there",
        {"index.mjs": "import 'nothing'; export const handler = async () => 1"},
    ),
    _case(
        "local import that is not there",
        {"index.mjs": "import './no.mjs'; export const handler = async () => 1"},
    ),
    _case("handler that is not there", {"index.js": "exports.other = 1"}),
    _case("handler that is not a function", {"index.js": "exports.handler = {a: 1}"}),
    _case("handler deep that is not there", {"index.js": "exports.a = {}"}, "index.a.b.c"),
    _case("handler name without a dot", {"index.js": ""}, "index"),
    _case("handler name with dots", {"index.js": ""}, "../index.handler"),
    _case("handler name ending with a dot", {"index.js": "exports.handler = 1"}, "index."),
    _case(
        "syntax error",
        {"index.js": "exports.handler = async () => {\n  let x = ;\n}"},
        generations=MODERN,
    ),
    _case(
        "syntax error in mjs",
        {"index.mjs": "export const handler = async () => { let x = ; }"},
        generations=MODERN,
    ),
    _case(
        "module syntax in js",
        {
            "index.js": "export const handler = async () => 1",
            "package.json": '{"type": "commonjs"}',
        },
        generations=MODERN,
    ),
    _case("throws during init", {"index.js": "throw new TypeError('init')"}),
    _case("throws during init, mjs", {"index.mjs": "throw new TypeError('init')"}),
    _case("throws during init, JSON", {"index.js": "throw new TypeError('init')"}, env=JSON),
    _case("throws a string during init", {"index.js": "throw 'init'"}, generations=CLASSIC),
    _case(
        "throws during init in a timer",
        {
            "index.mjs": "setTimeout(() => { throw new Error('timer') }, 5); await new Promise((r) => setTimeout(r, 50)); export const handler = async () => 1"
        },
    ),
    _case(
        "rejects during init",
        {
            "index.mjs": "Promise.reject(new Error('rejected')); await new Promise((r) => setTimeout(r, 50)); export const handler = async () => 1"
        },
    ),
    _case("exits during init", {"index.js": "process.exit(5)"}),
    _case(
        "exports a promise",
        {"index.js": "module.exports = Promise.resolve({handler: async () => 'p'})"},
    ),
    _case(
        "exports a function with a handler",
        {"index.js": "module.exports = () => 1; module.exports.handler = async () => 'f'"},
    ),
    _case("module that is not there, JSON", {"other.js": ""}, env=JSON),
    _case("handler that is not there, JSON", {"index.js": "exports.other = 1"}, env=JSON),
    _case("handler name without a dot, JSON", {"index.js": ""}, "index", env=JSON),
    _case(
        "handler with a callback, JSON",
        {"index.js": "exports.handler = (e, c, cb) => 1"},
        env=JSON,
        generations=MODERN,
    ),
    _handler("result that is not JSON, JSON", "async () => 1n", env=JSON),
    _handler(
        "rejection nobody handles, JSON",
        "async () => { Promise.reject(new Error('r')); await new Promise((r) => setTimeout(r, 50)) }",
        env=JSON,
        generations=CLASSIC,
    ),
    # what the function can see
    _js(
        "its place among modules",
        "const m = module; exports.handler = async () => ({main: require.main === m, mainIs: typeof require.main,"
        " parent: m.parent && m.parent.filename, fd: process.env._LAMBDA_TELEMETRY_LOG_FD ?? 'none'})",
    ),
    _js(
        "the awslambda global",
        "exports.handler = async () => [typeof awslambda.streamifyResponse, typeof awslambda.HttpResponseStream.from]",
    ),
    _js(
        "no awslambda global",
        "exports.handler = async () => typeof awslambda",
        env={"AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA": "1"},
    ),
    _js(
        "the invoke store",
        "exports.handler = async () => { const s = awslambda.InvokeStore; s.set('k', 1);"
        " let e; try { s.set(s.constructor.PROTECTED_KEYS.REQUEST_ID, 1) } catch (x) { e = x.message }"
        " return [s.getRequestId(), s.getXRayTraceId(), s.get('k'), s.hasContext(), e] }",
        events=({}, {}),
        generations=MODERN,
    ),
    # streaming
    *(
        _js(f"stream {name}", f"exports.handler = awslambda.streamifyResponse({source})", **options)
        for name, source, options in [
            (
                "text",
                "async (e, s) => { s.write('a'); s.write('b'); s.end() }",
                {"events": ({}, {})},
            ),
            ("end with text", "async (e, s) => { s.write('a'); s.end('last') }", {}),
            ("nothing", "async (e, s) => { s.end() }", {}),
            ("objects", "async (e, s) => { s.write({a: 1}); s.write([1]); s.end() }", {}),
            (
                "bytes",
                "async (e, s) => { s.write(Buffer.from('x')); s.write(new Uint8Array([65])); s.end() }",
                {},
            ),
            (
                "content type",
                "async (e, s) => { s.setContentType('text/x'); s.write('a'); s.end() }",
                {},
            ),
            (
                "content type too late",
                "async (e, s) => { s.write('a'); s.setContentType('text/x'); s.end() }",
                {},
            ),
            (
                "http",
                "async (e, s) => { s = awslambda.HttpResponseStream.from(s, {statusCode: 201, headers: {a: 'b'}, cookies: ['c=1']});"
                " s.write('body'); s.end() }",
                {},
            ),
            (
                "http without body",
                "async (e, s) => { s = awslambda.HttpResponseStream.from(s, {statusCode: 204}); s.end() }",
                {},
            ),
            (
                "http ended with body",
                "async (e, s) => { s = awslambda.HttpResponseStream.from(s, {statusCode: 200}); s.end('x') }",
                {},
            ),
            (
                "http empty write",
                "async (e, s) => { s = awslambda.HttpResponseStream.from(s, {statusCode: 200}); s.write(''); s.end() }",
                {},
            ),
            ("throws first", "async (e, s) => { throw new TypeError('early') }", {}),
            (
                "throws in the middle",
                "async (e, s) => { s.write('a'); throw new TypeError('mid') }",
                {"events": ({}, {})},
            ),
            (
                "throws after end",
                "async (e, s) => { s.write('a'); s.end(); throw new Error('after') }",
                {},
            ),
            ("throws a string", "async (e, s) => { throw 'text' }", {}),
            ("sync throw", "(e, s) => { throw new Error('sync') }", {}),
            ("not async", "(e, s) => { s.write('a'); s.end() }", {}),
            ("returns a value", "async (e, s) => { s.write('a'); s.end(); return 1 }", {}),
            ("never ends", "async (e, s) => { s.write('a') }", {}),
            ("context", "async (e, s, c) => { s.write(Object.keys(c)); s.end() }", {}),
            (
                "pipeline",
                "async (e, s) => { const {pipeline} = require('stream/promises'); const {Readable} = require('stream');"
                " await pipeline(Readable.from(['a', 'b', 'c']), s) }",
                {},
            ),
            (
                "timer after end",
                "async (e, s) => { s.write('a'); s.end(); setTimeout(() => console.log('timer'), 60) }",
                {"generations": CLASSIC},
            ),
            ("write after end", "async (e, s) => { s.write('a'); s.end(); s.write('b') }", {}),
            ("properties", "async (e, s) => { s.write(Object.keys(s).sort()); s.end() }", {}),
        ]
    ),
    _case(
        "stream marked wrongly",
        {
            "index.js": "exports.handler = async () => 1; exports.handler[Symbol.for('aws.lambda.runtime.handler.streaming')] = 'request'"
        },
    ),
    _js(
        "stream, JSON log of an error",
        "exports.handler = awslambda.streamifyResponse(async () => { throw new Error('j') })",
        env=JSON,
    ),
]

_FRAME = re.compile(
    r"^\s+at .*(/(package|var/runtime)/(dist/)?index\.mjs:|/managed\.mjs|node:|process\.<anonymous>)"
)


def _is_frame(line: str) -> bool:
    return bool(_FRAME.match(line))


_REPLACED = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", "<time>"),
    (r"(file://)?/[^\s\"]*/package/[\w/]*(index|managed)\.mjs", "/var/runtime/index.mjs"),
    # How Node shows an error that ends the process depends on the frames it has.
    (r"node:internal/process/promises:\d+", "node:internal/process/promises"),
    (r"Node\.js v[\d.]+", "Node.js"),
    # Warnings and parse errors are in other words from one Node to the next.
    (r"\(node:\d+\) Warning: (?:[^\"\\]|\\.)*", "(node) Warning"),
    (r" \(line \d+ column \d+\)", ""),
    (r"\"log\", \"\[?(\w+ )?\[?(Runtime\.\w+)\]?: ([^\"]*?)\]?\"", r'"log", "\2: \3"'),
    (r"(\"log\", \"(?:    at|- )[^\"]*?)( \{|\])\"", r'\1"'),
]


def _normalise(text: str) -> str:
    for pattern, by in _REPLACED:
        text = re.sub(pattern, by, text)
    return text


NODE = Language(
    CASES,
    _is_frame,
    _normalise,
    lambda generation: {"AWS_EXECUTION_ENV": f"AWS_Lambda_nodejs{generation}.x"},
)

DIFFERENT = {
    "late rejection (22)": (
        "the poll for the next event leaves in the same write as the response, so it is out before"
        " a rejection of the next turn of the event loop"
    ),
    "package.json that is broken (22)": (
        "a syntax error's stack tells the file and the line, where 3.x has frames of its own"
    ),
    "stream marked wrongly (22)": (
        "3.3.0 fails with a ReferenceError of its own; we say what 4.x says"
    ),
}
"""Where we differ on purpose, and why."""
