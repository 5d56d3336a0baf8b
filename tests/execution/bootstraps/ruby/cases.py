"""Functions and events whose treatment by Lambda's Ruby runtime is recorded."""

# ruff: noqa: E501 - a function is easier to read on one line
from __future__ import annotations

import re
from typing import Any

from tests.execution.bootstraps.transcripts import Case, Language

JSON = {"AWS_LAMBDA_LOG_FORMAT": "JSON"}


def _rb(name: str, source: str, handler: str = "app.handler", **options: Any) -> Case:
    return Case(name, {"app.rb": source}, handler, **options)


def _handler(name: str, body: str, before: str = "", **options: Any) -> Case:
    return _rb(name, f"{before}\ndef handler(event:, context:)\n  {body}\nend\n", **options)


_RESULTS = {
    "hash": "{a: [1, 'é', nil, {b: 1.5}]}",
    "nil": "nil",
    "string": "'text'",
    "number": "42",
    "symbol": ":s",
    "time": "Time.at(0).utc",
    "NaN": "Float::NAN",
    "binary string": '"\\xff".b',
    "object with to_json": "o = Object.new; def o.to_json(*) = '{\"own\": 1}'; o",
    "object with to_json that raises": "o = Object.new; def o.to_json(*) = raise('no'); o",
    "circular": "a = []; a << a; a",
    "stream": "StringIO.new('raw bytes')",
    "closed stream": "StringIO.new('x').tap(&:close)",
    "empty string": "''",
}

_RAISED = {
    "StandardError": "raise 'bad'",
    "ArgumentError": "raise ArgumentError, 'bad'",
    "own class": "raise Class.new(StandardError) { def self.to_s = 'Own::Error' }, 'mine'",
    "NoMethodError": "nil.upcase",
    "NameError": "nope",
    "ZeroDivisionError": "1 / 0",
    "KeyError": "{}.fetch('k')",
    "message of many lines": 'raise "one\\ntwo"',
    "message that is not UTF-8": 'raise "caf\\xE9".b',
    "exception that is no StandardError": "raise Exception, 'deep'",
    "NotImplementedError": "raise NotImplementedError, 'later'",
    "SystemExit": "exit 3",
    "abort": "abort 'gone'",
    "stack overflow": "def down = down; down",
    "throw": "throw :up",
    "frozen": "''.freeze << 'x'",
    "through a block": "[1].each { |x| raise TypeError, x.to_s }",
    "with a backtrace of its own": "raise TypeError, 'own', ['somewhere:1']",
    "with a cause": "begin; raise 'inner'; rescue; raise IOError, 'outer'; end",
    "JSON error": "JSON.parse('{')",
    "message with umlauts": "raise 'grün 日本'",
    "wrong arguments": "[].first(1, 2)",
}

_LOGS = """
  l = Logger.new($stdout)
  l.debug('d'); l.info('i'); l.warn('w'); l.error('e'); l.fatal('f'); l.unknown('u')
  l.info("two\\nlines")
  l.info([1, 'a'])
  l.info(nil)
  l.info('prog') { 'in a block' }
  l.add(Logger::INFO, 'added', 'name')
  begin; raise TypeError, 'logged'; rescue => e; l.error(e); end
  l.error(TypeError.new('never raised'))
  Logger.new($stderr, level: Logger::ERROR).warn('hidden')
  Logger.new($stdout, progname: 'p', level: :info).info('named')
  Logger.new($stdout, formatter: proc { |s, t, p, m| "own #{s} #{m}\\n" }).info('formatted')
  Logger.new(nil).info('to nowhere')
  l << "raw\\n"
  Logger.new(StringIO.new).info('elsewhere')
  nil
"""

CASES: list[Case] = [
    *(_handler(f"result {n}", v) for n, v in _RESULTS.items()),
    *(_handler(f"raised {n}", v, events=({}, {})) for n, v in _RAISED.items()),
    _handler("event", "event"),
    _handler("event that is a string", "event", events=("text",)),
    _handler("event of another content type", "event", headers={"Content-Type": "text/plain"}),
    _handler("two events", "$n = ($n || 0) + 1", events=({}, {}, {})),
    # logs
    _handler("logs, text", _LOGS, "require 'logger'"),
    _handler("logs, JSON", _LOGS, "require 'logger'", env=JSON),
    _handler("logs, from WARN", _LOGS, env={"AWS_LAMBDA_LOG_LEVEL": "WARN"}),
    _handler("logs, JSON from error", _LOGS, env={**JSON, "AWS_LAMBDA_LOG_LEVEL": "error"}),
    _handler("logs, JSON from TRACE", _LOGS, env={**JSON, "AWS_LAMBDA_LOG_LEVEL": "TRACE"}),
    _handler("error, JSON log", "raise 'bad'", env=JSON),
    _handler(
        "puts",
        'puts "one"; puts "two\\nlines"; puts; puts nil; puts [1, [2, [nil]]]; puts "end\\n"; puts :a, 1;'
        ' puts "ü"; p puts("x"); $stdout.puts "direct"; $stderr.puts "err"; print "pr\\n"; p 1; pp [1];'
        ' warn "w"; STDOUT.write("s\\n"); nil',
    ),
    _handler("puts of what is not text", 'puts "\\xff".b'),
    _rb(
        "puts during init",
        "puts 'init'\nL = Logger.new($stdout)\nL.info('i')\ndef handler(event:, context:) = 1",
    ),
    _handler(
        "sink by its name", "AwsLambdaRIC::TelemetryLogger.telemetry_log_sink.write('sunk'); nil"
    ),
    _handler(
        "LogFormatter by its name",
        "Logger.new(StringIO.new, formatter: LogFormatter.new).class.name",
    ),
    # context
    _handler(
        "context",
        "[context.function_name, context.function_version, context.invoked_function_arn,"
        " context.memory_limit_in_mb, context.aws_request_id, context.log_group_name,"
        " context.log_stream_name, context.deadline_ms, context.identity, context.client_context,"
        " context.get_remaining_time_in_millis.positive?, context.class.name, ENV['_X_AMZN_TRACE_ID']]",
        headers={
            "Lambda-Runtime-Deadline-Ms": "4102444800000",
            "Lambda-Runtime-Client-Context": '{"custom": {"é": "1"}}',
            "Lambda-Runtime-Cognito-Identity": '{"cognitoIdentityId": "i"}',
        },
    ),
    _handler(
        "context without extras", "[context.identity, context.client_context, context.tenant_id]"
    ),
    _handler("tenant", "context.tenant_id", headers={"Lambda-Runtime-Aws-Tenant-Id": "blue"}),
    _handler(
        "time is over",
        "context.get_remaining_time_in_millis",
        headers={"Lambda-Runtime-Deadline-Ms": "1"},
    ),
    _handler(
        "environment",
        "[ENV.key?('_LAMBDA_TELEMETRY_LOG_FD'), ENV['AWS_LAMBDA_RUNTIME_API'].nil?, Dir.pwd == ENV['LAMBDA_TASK_ROOT'],"
        " $LOAD_PATH.first, $_global_aws_request_id, $stdout.sync, Encoding.default_external.name]",
    ),
    _handler(
        "libraries that the runtime has loaded",
        "[URI('http://a/b').host, Net::HTTP.name, Time.parse('2020-01-02').year, Date.new(2020, 1, 2).to_s, StringIO.name, JSON.name, Logger.name, Timeout.name, URI::HTTP.name]",
    ),
    _handler("self", "[self.class.name, handler_file_name, handler_method_name]"),
    _handler(
        "marshaller of one's own",
        "event",
        "module AwsLambda\n class Marshaller\n  def self.marshall_request(r) = r.body.upcase\n"
        "  def self.marshall_response(r) = [r.inspect, 'text/plain']\n end\nend\n",
    ),
    # finding the handler
    _rb("class method", "class K\n def self.go(event:, context:) = 'k'\nend", "app.K.go"),
    _rb(
        "module method",
        "module M\n class K\n  def self.go(event:, context:) = 'mk'\n end\nend",
        "app.M::K.go",
    ),
    Case("folder", {"src/app.rb": "def go(event:, context:) = 'src'"}, "src/app.go"),
    _rb(
        "private method of a class",
        "class K\n private_class_method def self.go(event:, context:) = 'private'\nend",
        "app.K.go",
    ),
    _rb("method that is not there", "X = 1", "app.nope", events=({}, {})),
    _rb("class that is not there", "X = 1", "app.Nope.go"),
    _rb("method of a class that is not there", "class K; end", "app.K.go"),
    _rb("handler without keywords", "def handler(event, context) = 1"),
    _rb("handler with too few keywords", "def handler(event:) = 1"),
    _rb("handler with all keywords", "def handler(**all) = all.keys"),
    _rb("handler name without a dot", "", "app"),
    _rb("handler name with too many dots", "", "app.a.b.c"),
    Case("file that is not there", {"other.rb": ""}, "app.handler"),
    _rb("dependency that is not there", "require 'nothing'\ndef handler(event:, context:) = 1"),
    _rb("local dependency", "require_relative 'nothing'\ndef handler(event:, context:) = 1"),
    _rb("syntax error", "def handler(event:, context:)\n  1 +\nend end"),
    _rb("raises during init", "raise ArgumentError, 'init'"),
    _rb("raises during init, JSON", "raise 'init'", env=JSON),
    _rb("raises an exception during init", "raise Exception, 'init'"),
    _rb("exits during init", "exit 5"),
    _rb("NameError during init", "nope"),
    Case(
        "requires its own file",
        {"app.rb": "require 'lib/a'\ndef handler(event:, context:) = A", "lib/a.rb": "A = 7"},
        "app.handler",
    ),
    _handler("at_exit", "exit", "at_exit { puts 'bye' }"),
    _handler("exit!", "exit! 4"),
    _handler("kills itself", "Process.kill(:KILL, Process.pid); sleep 5"),
]


def _is_frame(line: str) -> bool:
    """A frame of the client, of Ruby's own library, or of RubyGems' `require`."""
    return bool(re.search(r"/aws_lambda_ric|/bootstraps/ruby/|<internal:|/ruby/[\d.]+/", line))


_REPLACED = [
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}", "<time>"),
    (r"#\d+\]", "#<pid>]"),
    # Ruby 3.4 says some things in other words than the Rubies before it.
    ("`", "'"),
    (r"in '(?:\w+(?:::\w+)*[#.])?([^']+)'", r"in '\1'"),
    (r"for #<LambdaHandler:0x\w+[^>]*>", "for an instance of LambdaHandler"),
    (r"for nil:NilClass", "for nil"),
    (r"for (\w+):Class", r"for class \1"),
    (r"(errorMessage\W+)[^}]*?(\W+errorType\W+\w+<(?:JSON::|SyntaxError))", r"\1<its own>\2"),
]


def _normalise(text: str) -> str:
    for pattern, by in _REPLACED:
        text = re.sub(pattern, by, text)
    return text


RUBY = Language(
    CASES, _is_frame, _normalise, lambda _: {}, headers=("lambda-runtime-function-error-type",)
)

DIFFERENT = {
    "raised message that is not UTF-8": (
        "AWS's client fails to tell the error and ends the process; we tell it, with U+FFFD"
    ),
}
"""Where we differ on purpose, and why."""
