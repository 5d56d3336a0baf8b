"""One fault, one problem: with its place, its code and a hint that helps.

``§`` in a manifest marks where the problem must be reported; it is taken out before reading.
"""

from __future__ import annotations

import pytest

from lambdactl.errors import Problem
from tests.manifest.conftest import Project

FUNCTION = """\
functions:
  resize:
    runtime: python3.13
    handler: app.handler
    code: src
"""
"""A sound function; more of its fields may follow, indented by four."""

ACCESS_POINT = (
    "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0"
)
CLUSTER = "arn:aws:kafka:eu-west-1:123456789012:cluster/a/b"


def field(text: str) -> str:
    return FUNCTION + "".join(f"    {line}\n" for line in text.splitlines())


def trigger(text: str) -> str:
    return field(f"triggers:\n  - {text}")


def function(**fields: str) -> str:
    chosen = {"runtime": "python3.13", "handler": "app.handler", "code": "src", **fields}
    lines = [f"    {name}: {value}\n" for name, value in chosen.items() if value]
    return "functions:\n  resize:\n" + "".join(lines)


FAULTS: list[tuple[str, str, str, str | None]] = [
    # The YAML itself
    ("unclosed quote", field("description: §'a photo\nmemory: 256"), "yaml-syntax", "never closed"),
    ("unclosed bracket", field("layers: §[a, b\nmemory: 256"), "yaml-syntax", "not closed"),
    ("colon in text", field("description: see§: here"), "yaml-syntax", "quotes"),
    ("colon missing", "functions§\n" + FUNCTION.split("\n", 1)[1], "yaml-syntax", "`functions:`"),
    ("reserved character", field("description: §@home"), "yaml-syntax", "in quotes"),
    ("brace in braces", field("tags: {a: b§{c, d: e}"), "yaml-syntax", "not closed"),
    ("list on the line", field("triggers: §- s3: {}"), "yaml-syntax", "line of its own"),
    ("tab", FUNCTION + "§\tmemory: 256\n", "tab-indentation", "with spaces"),
    ("tab after spaces", FUNCTION + "  §\tmemory: 256\n", "tab-indentation", "with spaces"),
    ("duplicate field", field("memory: 256\n§memory: 512"), "duplicate-key", "line 6"),
    ("duplicate function", FUNCTION + "  §resize: {}\n", "duplicate-key", "line 2"),
    ("duplicate section", FUNCTION + "§functions: {}\n", "duplicate-key", "line 1"),
    ("unknown alias", field("environment: §*common"), "unknown-alias", "in quotes"),
    (
        "misspelt alias",
        "x-common: &common {memory: 256}\n" + field("<<: §*comon"),
        "unknown-alias",
        "did you mean `common`?",
    ),
    ("alias in itself", field("tags: &t {a: §*t}"), "recursive-alias", None),
    ("merge of a word", field("§<<: hello"), "wrong-type", "anchor of a mapping"),
    ("two merges", "x-a: &a {}\n" + field("<<: *a\n§<<: *a"), "duplicate-key", "[*one, *two]"),
    ("tag", field("description: §!Sub hello"), "unknown-tag", "${env:...}"),
    ("list as a key", field("tags: {§[a]: b}"), "malformed-key", None),
    ("second document", FUNCTION + "§---\nservice: a\n", "multiple-documents", "`---`"),
    (
        "control character",
        field("description: §a\x07b".replace("§a", "a§")),
        "forbidden-character",
        "remove it",
    ),
    ("empty", "§", "empty-manifest", "lambdactl init"),
    ("only comments", "§# nothing here\n", "empty-manifest", "lambdactl init"),
    ("a list", "§- functions\n", "not-a-mapping", "`functions:`"),
    ("a word", "§hello\n", "not-a-mapping", "`functions:`"),
    ("too deep", "functions: " + "[" * 63 + "§[" + "]" * 64, "too-large", None),
    # Shapes
    ("no functions", "§service: photos\n", "missing-field", None),
    ("unknown section", FUNCTION + "§plugins: []\n", "unknown-field", "stages"),
    ("misspelt section", FUNCTION + "§layrs: {}\n", "unknown-field", "did you mean `layers`?"),
    (
        "misspelt field",
        function(handler="", code="src\n    §handlr: app.handler"),
        "unknown-field",
        "did you mean `handler`?",
    ),
    (
        "misspelt runtime field",
        "defaults: {§runtim: python3.13}\n" + function(runtime=""),
        "unknown-field",
        "did you mean `runtime`?",
    ),
    ("unknown field", field("§colour: red"), "unknown-field", None),
    ("another tool's word", field("§env: {BUCKET: a}"), "unknown-field", "`environment`"),
    ("another tool's handler", trigger("§cron: rate(1 day)"), "unknown-field", "`schedule`"),
    (
        "misspelt deep field",
        field("logging: {§formt: json}"),
        "unknown-field",
        "did you mean `format`?",
    ),
    (
        "field of another trigger",
        trigger("s3: {bucket: photos, §queue: jobs}"),
        "unknown-field",
        "prefix",
    ),
    ("unknown trigger", trigger("§ftp: {host: a}"), "unknown-field", "sqs"),
    (
        "misspelt trigger",
        trigger("§kinesys: {stream: a}"),
        "unknown-field",
        "did you mean `kinesis`?",
    ),
    (
        "two triggers in one item",
        trigger("s3: {bucket: photos}\n    §sns: {topic: a}"),
        "too-many",
        "`- `",
    ),
    (
        "fields beside the trigger",
        trigger("s3:\n    §bucket: photos"),
        "indentation",
        "further than `s3`",
    ),
    ("text for a number", field("memory: §large"), "wrong-type", None),
    ("quoted number", field('memory: §"256"'), "wrong-type", "remove the quotes: 256"),
    ("number for text", field("description: §2026"), "wrong-type", '"2026"'),
    ("boolean for text", field("description: §true"), "wrong-type", '"true"'),
    ("text for a boolean", field("versions: {publish: §yes}"), "wrong-type", "write `true`"),
    ("off for a boolean", field("versions: {publish: §off}"), "wrong-type", "write `false`"),
    ("octal", field("timeout: §010"), "wrong-type", "write 10"),
    ("megabytes", field("memory: §512MB"), "wrong-type", "alone: 512"),
    ("gigabytes", field("memory: §2 GB"), "wrong-type", "alone: 2048"),
    ("underscores", field("memory: §1_024"), "wrong-type", "1024"),
    ("fraction", field("memory: §256.5"), "wrong-type", None),
    ("word for a list", field("layers: §imaging"), "wrong-type", "[imaging]"),
    ("list for a mapping", field("environment: §[a, b]"), "wrong-type", None),
    ("mapping for a list", field("triggers: §{s3: {bucket: photos}}"), "wrong-type", None),
    ("nothing for a field", field("memory:§"), "wrong-type", "remove the line"),
    ("nothing for text", field("description:§"), "wrong-type", '""'),
    ("nothing for a function", "functions:\n  resize:§\n", "wrong-type", None),
    ("nothing for functions", "functions:§\n", "wrong-type", None),
    ("a word for functions", "functions: §resize\n", "wrong-type", None),
    ("a number for code", function(code="§5"), "wrong-type", None),
    ("no form of code", function(code="{§imge: photos}"), "unknown-field", "did you mean `image`?"),
    (
        "empty form of code",
        function(code="").replace("  resize:", "  resize:\n    §code: {}"),
        "missing-field",
        None,
    ),
    # Words
    (
        "unknown runtime",
        function(runtime="§pyhton3.13"),
        "unknown-runtime",
        "did you mean `python3.13`?",
    ),
    ("future runtime", function(runtime="§python4.0"), "unknown-runtime", None),
    ("foreign runtime", function(runtime="§cobol85"), "unknown-runtime", "python3.13"),
    ("upper case", field("tracing: §Active"), "invalid-value", "did you mean `active`?"),
    ("unknown word", field("architecture: §sparc"), "invalid-value", "one of: x86_64, arm64"),
    (
        "unknown S3 event",
        trigger('s3: {bucket: photos, events: [§"s3:ObjectCreate:*"]}'),
        "invalid-value",
        "did you mean `s3:ObjectCreated:*`?",
    ),
    (
        "bad function name",
        FUNCTION + "  §two words: {runtime: python3.13, handler: app.handler, code: src}\n",
        "malformed-name",
        "64 letters",
    ),
    (
        "bad layer name",
        FUNCTION + "layers: {§a.b: {path: layers/imaging}}\n",
        "malformed-name",
        None,
    ),
    ("bad service", "service: §-photos\n" + FUNCTION, "malformed", None),
    ("numeric alias", field("aliases: {§3: {version: 1}}"), "malformed-name", "not a number"),
    (
        "bad layer ARN",
        field("layers: [§'arn:aws:lambda:eu-west-1:12:layer:a:1']"),
        "bad-arn",
        "arn:aws:lambda",
    ),
    (
        "layer ARN without version",
        field("layers: [§'arn:aws:lambda:eu-west-1:123456789012:layer:a']"),
        "bad-arn",
        "with its version",
    ),
    ("bad role", field("role: §arn:aws:iam::123:role/a"), "bad-arn", "arn:aws:iam"),
    ("wrong ARN", field("dead_letter: §arn:aws:s3:::photos"), "bad-arn", "SQS queue"),
    ("bad KMS key", field("kms_key: §my-key"), "malformed", "arn:aws:kms"),
    ("bad path", trigger("http: {path: §photos}"), "malformed", "starts with /"),
    ("two days", trigger("schedule: §cron(0 12 * * * *)"), "malformed", "cron(0 12 * * ? *)"),
    ("no day", trigger("schedule: {expression: §cron(0 8 ? * ? *)}"), "malformed", "the day"),
    ("bad schedule", trigger("schedule: §every day"), "malformed", "rate(5 minutes)"),
    ("cron of five fields", trigger("schedule: §cron(0 12 * * *)"), "malformed", "six fields"),
    ("bad bucket", trigger("s3: {bucket: §My_Photos}"), "malformed", "3 to 63"),
    ("bad duration", field("async: {max_age: §6 hours}"), "malformed", "6h"),
    ("spaces in the handler", function(handler="§app handler"), "malformed", "spaces"),
    # Limits
    ("little memory", field("memory: §127"), "out-of-range", None),
    ("much memory", field("memory: §10241"), "out-of-range", None),
    ("memory of the defaults", "defaults: {memory: §64}\n" + FUNCTION, "out-of-range", None),
    ("no timeout", field("timeout: §0"), "out-of-range", None),
    ("long timeout", field("timeout: §901"), "out-of-range", None),
    ("long timeout in minutes", field("timeout: §16m"), "out-of-range", None),
    ("small storage", field("ephemeral_storage: §511"), "out-of-range", None),
    ("large storage", field("ephemeral_storage: §10241"), "out-of-range", None),
    (
        "sixth layer",
        field(
            "layers:\n"
            + "".join(
                f"  - {'§' if n == 6 else ''}arn:aws:lambda:eu-west-1:123456789012:layer:a:{n}\n"
                for n in range(1, 7)
            )
        ),
        "too-many",
        None,
    ),
    ("long description", field(f"description: §{'a' * 257}"), "too-long", None),
    ("long handler", function(handler="§" + "a" * 126 + ".bc"), "too-long", None),
    ("retries", field("async: {retries: §3}"), "out-of-range", None),
    ("event age", field("async: {max_age: §7h}"), "out-of-range", None),
    ("weight", field('aliases: {live: {version: 1, weights: {"2": §1.5}}}'), "out-of-range", None),
    (
        "two weights",
        field('aliases: {live: {version: 1, weights: {"2": 0.1, §"3": 0.1}}}'),
        "too-many",
        None,
    ),
    ("negative concurrency", field("concurrency: {reserved: §-1}"), "out-of-range", None),
    (
        "batch",
        trigger("kinesis: {stream: a, starting_position: latest, batch_size: §10001}"),
        "out-of-range",
        None,
    ),
    ("window", trigger("sqs: {queue: a, window: §301}"), "out-of-range", None),
    (
        "record age",
        trigger("kinesis: {stream: a, starting_position: latest, max_age: §59}"),
        "out-of-range",
        None,
    ),
    (
        "parallelization",
        trigger("kinesis: {stream: a, starting_position: latest, parallelization: §11}"),
        "out-of-range",
        None,
    ),
    (
        "reserved variable",
        field("environment: {§AWS_REGION: eu-west-1}"),
        "reserved-variable",
        "another name",
    ),
    ("digit before a variable", field("environment: {§1A: eu-west-1}"), "malformed-name", None),
    ("hyphen in a variable", field("environment: {§MY-NAME: a}"), "malformed-name", None),
    ("list in a variable", field("environment: {NAME: §[a]}"), "wrong-type", None),
    ("empty variable", field("environment: {NAME: §}"), "wrong-type", '""'),
    (
        "large environment",
        field(f"§environment: {{NAME: {'a' * 4096}}}"),
        "environment-too-large",
        "Parameter Store",
    ),
    ("AWS tag", field("tags: {§aws:name: a}"), "malformed-name", "aws:"),
    # Fields that belong together
    (
        "no runtime",
        "functions:\n  §resize: {handler: app.handler, code: src}\n",
        "missing-field",
        "defaults",
    ),
    (
        "no handler",
        "functions:\n  §resize: {runtime: python3.13, code: src}\n",
        "missing-field",
        None,
    ),
    (
        "runtime of an image",
        "functions:\n  resize: {code: {image: a:1}, §runtime: python3.13}\n",
        "conflict",
        "remove",
    ),
    (
        "unknown layer",
        field("layers: [§imagin]") + "layers: {imaging: {path: layers/imaging}}\n",
        "unknown-layer",
        "did you mean `imaging`?",
    ),
    ("layer without layers", field("layers: [§imaging]"), "unknown-layer", None),
    ("unknown runner", field("runner: §docker"), "invalid-value", "container"),
    ("runner of all", "runner: §contaner\n" + FUNCTION, "invalid-value", "`container`"),
    (
        "image as a process",
        "functions:\n  resize: {code: {image: a:1}, runner: §process}\n",
        "conflict",
        "runner: container",
    ),
    (
        "Java as a process",
        function(runtime="java21", handler="a.B::c", runner="§process"),
        "conflict",
        "runner: container",
    ),
    ("level of text", field("logging: {§level: debug}"), "conflict", "format: json"),
    (
        "alias that is not there",
        field("concurrency: {provisioned: {§live: 2}}"),
        "unknown-alias-name",
        "add it to `aliases`",
    ),
    (
        "URL of an alias",
        field("aliases: {live: {}}\nurl: {alias: §lve}"),
        "unknown-alias-name",
        "did you mean `live`?",
    ),
    (
        "more than reserved",
        field("aliases: {live: {}}\nconcurrency: {reserved: 1, provisioned: §{live: 2}}"),
        "conflict",
        None,
    ),
    (
        "weights of $LATEST",
        field('aliases: {live: {version: §$LATEST, weights: {"3": 0.1}}}'),
        "conflict",
        "latest",
    ),
    (
        "weight of itself",
        field('aliases: {live: {version: 3, weights: §{"3": 0.1}}}'),
        "conflict",
        None,
    ),
    (
        "SnapStart of Node.js",
        function(runtime="nodejs22.x", handler="index.handler", snap_start="§published_versions"),
        "conflict",
        "python3.12",
    ),
    (
        "file system without VPC",
        field(f"§filesystem: {{arn: '{ACCESS_POINT}', path: /mnt/data}}"),
        "conflict",
        "vpc",
    ),
    (
        "FIFO dead-letter queue",
        field("dead_letter: §arn:aws:sqs:eu-west-1:123456789012:a.fifo"),
        "conflict",
        None,
    ),
    ("FIFO destination", field("async: {on_failure: {queue: §a.fifo}}"), "conflict", None),
    ("success to S3", field("async: {on_success: {§bucket: photos}}"), "unknown-field", None),
    ("manual runtime", field("runtime_management: {update: §manual}"), "missing-field", None),
    ("custom runtime", function(runtime="§custom", handler="a.b"), "missing-field", None),
    ("tenants and a URL", field("tenancy: per_tenant\n§url: {}"), "conflict", None),
    (
        "tenants and a queue",
        field("tenancy: per_tenant\ntriggers: [{§sqs: {queue: a}}]"),
        "conflict",
        "API Gateway",
    ),
    (
        "batch without window",
        trigger("sqs: {queue: a, batch_size: §11}"),
        "missing-field",
        "window: 1s",
    ),
    (
        "batch with no window",
        trigger("sqs: {queue: a, batch_size: 11, window: §0}"),
        "out-of-range",
        None,
    ),
    ("batch of FIFO", trigger("sqs: {queue: a.fifo, batch_size: §11}"), "out-of-range", None),
    ("window of FIFO", trigger("sqs: {queue: a.fifo, window: §5s}"), "conflict", None),
    ("no queue", trigger("§sqs: {batch_size: 5}"), "missing-field", None),
    ("no starting position", trigger("§kinesis: {stream: a}"), "missing-field", None),
    (
        "timestamp missing",
        trigger("kinesis: {stream: a, starting_position: §at_timestamp}"),
        "missing-field",
        "2026",
    ),
    (
        "timestamp of DynamoDB",
        trigger("dynamodb: {table: a, starting_position: §at_timestamp}"),
        "invalid-value",
        "latest",
    ),
    (
        "timestamp unasked",
        trigger("kinesis: {stream: a, starting_position: latest, §starting_timestamp: 1}"),
        "conflict",
        None,
    ),
    (
        "two Kafka clusters",
        trigger(f"kafka: {{topic: a, bootstrap_servers: ['a:1'], §cluster: '{CLUSTER}'}}"),
        "conflict",
        "keep one",
    ),
    ("no Kafka cluster", trigger("§kafka: {topic: a}"), "missing-field", None),
    (
        "Kafka topic for failures",
        trigger("kafka: {topic: a, bootstrap_servers: ['a:1'], on_failure: §'kafka://b'}"),
        "conflict",
        "provisioned",
    ),
    ("pollers", trigger("sqs: {queue: a, provisioned: {min: §20, max: 10}}"), "conflict", None),
    (
        "pollers and concurrency",
        trigger("sqs: {queue: a, provisioned: {min: 2}, §max_concurrency: 5}"),
        "conflict",
        None,
    ),
    (
        "filter that is not JSON",
        trigger("sqs: {queue: a, filters: [§'{a: b']}"),
        "malformed",
        None,
    ),
    (
        "same route",
        trigger("http: {path: /a, method: GET}\n  - http: {path: §/a, method: GET}"),
        "conflict",
        "another path",
    ),
    (
        "unknown authorizer",
        trigger("http: {path: /a, authorizer: {function: §resizer}}"),
        "unknown-function",
        "did you mean `resize`?",
    ),
    (
        "deprecated parts are fine, names are not",
        FUNCTION
        + "  crop: {runtime: python3.13, handler: app.handler, code: src, name: §resize}\n",
        "conflict",
        None,
    ),
    # Variables
    (
        "undefined variable",
        field("description: §${env:NAME_OF_IT}"),
        "undefined-variable",
        "--env-file",
    ),
    (
        "misspelt variable",
        field("description: §${env:BUKCET}"),
        "undefined-variable",
        "did you mean `BUCKET`?",
    ),
    (
        "unknown source",
        field("description: §${evn:BUCKET}"),
        "unknown-variable",
        "did you mean `env`?",
    ),
    ("CloudFormation", field("description: §${AWS::Region}"), "unknown-variable", "$${"),
    ("no source", field("description: §${BUCKET}"), "unknown-variable", None),
    ("unclosed variable", field("description: §a ${env:BUCKET"), "malformed-variable", "`}`"),
    (
        "circle",
        field(
            "environment:\n"
            "  AA: §${self:functions.resize.environment.BB}\n"
            "  BB: ${self:functions.resize.environment.AA}"
        ),
        "variable-cycle",
        None,
    ),
    (
        "circle of one",
        field("description: §${self:functions.resize.description}"),
        "variable-cycle",
        None,
    ),
    (
        "circle through a mapping",
        field("tags: {a: §'${self:functions.resize}'}"),
        "variable-cycle",
        None,
    ),
    (
        "nothing there",
        field("description: §${self:functions.resize.memry}"),
        "undefined-variable",
        None,
    ),
    (
        "misspelt path",
        field("description: §${self:functions.resiz.memory}"),
        "undefined-variable",
        "did you mean `resize`?",
    ),
    (
        "mapping in text",
        field("description: §a ${self:functions.resize.tags}\ntags: {a: b}"),
        "wrong-type",
        "whole value",
    ),
    (
        "missing file",
        field("description: §${file:nothing.txt}"),
        "file-not-found",
        "manifest's folder",
    ),
    ("folder as a file", field("description: §${file:src}"), "unreadable", None),
    (
        "missing key",
        field("description: §${file:data.json:nam}"),
        "undefined-variable",
        "did you mean `name`?",
    ),
    (
        "key of a text file",
        field("description: §${file:version.txt:a}"),
        "malformed-variable",
        None,
    ),
    ("variable of the wrong type", field("memory: §${env:BUCKET}"), "wrong-type", None),
    ("variable out of range", field("memory: §${env:BIG}"), "out-of-range", None),
    (
        "copied value",
        "x-memory: 64\n" + field("memory: §${self:x-memory}"),
        "out-of-range",
        None,
    ),
    (
        "copied fault",
        "defaults: {memory: §64}\n" + field("memory: ${self:defaults.memory}"),
        "out-of-range",
        None,
    ),
    # On disk
    ("no code folder", function(code="§srcs"), "code-missing", "did you mean `src`?"),
    (
        "no Dockerfile",
        "functions:\n  resize: {code: §{dockerfile: Dockerfile}}\n",
        "code-missing",
        None,
    ),
    (
        "no handler file",
        function(handler="§ap.handler"),
        "handler-not-found",
        "did you mean `app.handler`?",
    ),
    (
        "no function",
        function(handler="§app.handle"),
        "handler-not-found",
        "did you mean `handler`?",
    ),
    ("no dot", function(handler="§handler"), "malformed-handler", "app.handler"),
    (
        "no JavaScript file",
        function(runtime="nodejs22.x", handler="§main.handler"),
        "handler-not-found",
        "did you mean `index.handler`?",
    ),
    ("no export", function(runtime="nodejs22.x", handler="§index.run"), "handler-not-found", None),
    ("no method", function(runtime="ruby3.4", handler="§task.run"), "handler-not-found", None),
    (
        "no bootstrap",
        function(runtime="provided.al2023", handler="", code="§src"),
        "handler-not-found",
        "bootstrap",
    ),
    (
        "no layer folder",
        FUNCTION + "layers: {imaging: {path: §layers/imagin}}\n",
        "layer-missing",
        "did you mean `imaging`?",
    ),
    (
        "no layer path",
        FUNCTION + "layers: {§imaging: {runtimes: [python3.13]}}\n",
        "missing-field",
        None,
    ),
]


def errors_of(problems: tuple[Problem, ...]) -> list[Problem]:
    return [problem for problem in problems if problem.severity == "error"]


def marked(text: str) -> tuple[str, int, int]:
    """The manifest without its mark, and the mark's line and column."""
    before = text[: text.index("§")].split("\n")
    assert text.count("§") == 1
    return text.replace("§", ""), len(before), len(before[-1]) + 1


@pytest.mark.parametrize(
    ("text", "code", "hint"), [f[1:] for f in FAULTS], ids=[f[0] for f in FAULTS]
)
def test_one_fault_is_one_problem_at_its_place(
    project: Project, text: str, code: str, hint: str | None
) -> None:
    text, line, column = marked(text)
    problems = errors_of(project.check(text, env={"BUCKET": "photos", "BIG": "20000"}))
    assert [(p.where.line, p.where.column, p.code) for p in problems] == [(line, column, code)], (
        problems
    )
    problem = problems[0]
    assert problem.where.file == "lambdactl.yaml"
    assert problem.where.source == text.split("\n")[line - 1].rstrip("\r")
    if hint is not None:
        assert problem.hint is not None
        assert hint in problem.hint
