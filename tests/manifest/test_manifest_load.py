"""A sound manifest becomes the model: every field of the sketch, defaults, stages, YAML's ways."""

from __future__ import annotations

from pathlib import Path

import pytest

from lambdactl import manifest
from lambdactl.errors import Location, ManifestError, UserError
from lambdactl.manifest.features import Alias, Cors, FunctionUrl, Vpc
from lambdactl.manifest.settings import AsyncConfig, Concurrency, Destination, Logging, Role
from tests.manifest.conftest import Project

ACCOUNT = "eu-west-1:123456789012"

WHOLE = f"""\
service: photos
defaults: {{runtime: python3.13, architecture: arm64, memory: 256, timeout: 10}}
functions:
  resize:
    handler: app.handler
    code: src
    layers: [imaging, "arn:aws:lambda:{ACCOUNT}:layer:extra:3"]
    environment: {{BUCKET: "${{env:BUCKET:-photos}}"}}
    ephemeral_storage: 1024
    role:
      managed: [AWSLambdaBasicExecutionRole]
      statements: [{{Effect: Allow, Action: "s3:*", Resource: "*"}}]
    logging: {{format: json, level: debug}}
    concurrency: {{reserved: 5, provisioned: {{live: 2}}}}
    async:
      retries: 1
      max_age: 6h
      on_success: "arn:aws:sns:{ACCOUNT}:done"
      on_failure: {{queue: failed}}
    dead_letter: arn:aws:sqs:{ACCOUNT}:dead
    versions: {{publish: true}}
    aliases: {{live: {{version: latest, weights: {{"3": 0.1}}}}}}
    url: {{auth: none, cors: {{allow_origins: ["*"], max_age: 1h}}, invoke_mode: response_stream}}
    vpc: {{subnets: [subnet-1], security_groups: [sg-1]}}
    tracing: active
    tags: {{cost: 12}}
    triggers:
      - s3: {{bucket: photos, events: ["s3:ObjectCreated:*"], prefix: in/, suffix: .jpg}}
      - http: {{path: "/photos/{{id}}", method: GET}}
      - rest: {{path: "/{{proxy+}}", method: ANY}}
      - sqs: {{queue: jobs, batch_size: 20, window: 5s, filters: [{{body: {{kind: [a]}}}}],
               report_failures: true, max_concurrency: 5}}
      - schedule: rate(5 minutes)
layers:
  imaging: {{path: layers/imaging, runtimes: [python3.13], architectures: [arm64]}}
"""

SMALL = "functions:\n  resize: {runtime: python3.13, handler: app.handler, code: src}\n"


def test_the_sketch(project: Project) -> None:
    app = project.load(WHOLE)
    assert app.service == "photos"
    assert app.root == project.root
    assert app.source == project.root / "lambdactl.yaml"
    assert app.warnings == ()
    resize = app.function()
    assert (resize.name, resize.runtime, resize.handler) == ("resize", "python3.13", "app.handler")
    assert (resize.code.kind, resize.code.path) == ("folder", project.root / "src")
    assert (resize.memory_mb, resize.timeout_s, resize.architecture) == (256, 10, "arm64")
    assert resize.ephemeral_storage_mb == 1024
    assert resize.environment == {"BUCKET": "photos"}
    assert resize.layers == ("imaging", f"arn:aws:lambda:{ACCOUNT}:layer:extra:3")
    assert resize.role == Role(
        managed=("AWSLambdaBasicExecutionRole",),
        statements=({"Effect": "Allow", "Action": "s3:*", "Resource": "*"},),
    )
    assert resize.logging == Logging("json", "debug")
    assert resize.concurrency == Concurrency(5, {"live": 2})
    assert resize.async_ == AsyncConfig(
        1,
        21600,
        Destination("sns", f"arn:aws:sns:{ACCOUNT}:done"),
        Destination("sqs", "failed"),
    )
    assert resize.dead_letter == Destination("sqs", f"arn:aws:sqs:{ACCOUNT}:dead")
    assert resize.versions.publish
    assert resize.aliases == {"live": Alias("latest", {"3": 0.1})}
    assert resize.url == FunctionUrl("none", "response_stream", Cors(("*",), max_age_s=3600))
    assert resize.vpc == Vpc(("subnet-1",), ("sg-1",))
    assert resize.tracing == "active"
    assert resize.tags == {"cost": "12"}
    assert resize.where == Location("lambdactl.yaml", 4, 3, "  resize:")
    assert app.layers["imaging"].path == project.root / "layers/imaging"


def test_triggers_are_normalised(project: Project) -> None:
    triggers = project.load(WHOLE).function().triggers
    assert [trigger.kind for trigger in triggers] == ["s3", "http", "rest", "sqs", "schedule"]
    s3, http, rest, sqs, schedule = (dict(trigger.settings) for trigger in triggers)
    assert s3 == {
        "bucket": "photos",
        "events": ("s3:ObjectCreated:*",),
        "prefix": "in/",
        "suffix": ".jpg",
        "enabled": True,
    }
    assert (http["method"], http["payload"], http["timeout_s"]) == ("GET", "v2", 30)
    assert (rest["path"], rest["timeout_s"]) == ("/{proxy+}", 29)
    assert (sqs["batch_size"], sqs["window_s"], sqs["max_concurrency"]) == (20, 5, 5)
    assert sqs["filters"] == ({"body": {"kind": ["a"]}},)
    assert schedule == {"expression": "rate(5 minutes)", "timezone": "UTC", "enabled": True}
    assert triggers[0].where is not None
    assert triggers[0].where.line == 28


def test_braces_of_routes_and_variables_need_no_quotes(project: Project) -> None:
    text = (
        "functions:\n"
        "  a: {runtime: python3.13, handler: app.handler, code: src,\n"
        "      environment: {BUCKET: ${env:BUCKET:-a, b}, PORT: ${env:PORT}, BOTH: 'x{y}'},\n"
        "      triggers: [{http: {path: /photos/{id}/{more+}, method: GET}}]}\n"
    )
    app = project.load(text, env={"PORT": "8080"})
    function = app.function()
    assert function.environment == {"BUCKET": "a, b", "PORT": "8080", "BOTH": "x{y}"}
    assert function.triggers[0].settings["path"] == "/photos/{id}/{more+}"
    assert function.triggers[0].settings["method"] == "GET"
    found = [(w.where.line, w.where.column, w.code, w.hint) for w in app.warnings]
    assert found == [
        (3, 29, "unquoted-braces", 'put the text in quotes: "${env:BUCKET:-a, b}"'),
        (3, 56, "unquoted-braces", 'put the text in quotes: "${env:PORT}"'),
        (4, 32, "unquoted-braces", 'put the text in quotes: "/photos/{id}/{more+}"'),
    ]


@pytest.mark.parametrize("value", ["\ufdd0", "'\ufdd0'", '"\ufdd0"', '"\\ufdd0"', "a\ufdd1b"])
def test_no_character_of_a_text_turns_into_a_brace(project: Project, value: str) -> None:
    app = project.load(
        "functions:\n  a:\n    runtime: python3.13\n    handler: app.handler\n    code: src\n"
        f"    environment:\n      PORT: ${{env:PORT}}\n      VALUE: {value}\n",
        env={"PORT": "1"},
    )
    expected = value.strip("'\"").replace("\\ufdd0", "\ufdd0")
    assert app.function().environment["VALUE"] == expected


def test_an_escaped_character_beside_hidden_braces_stays_itself(project: Project) -> None:
    app = project.load(
        "functions:\n  a: {runtime: python3.13, handler: app.handler, code: src,\n"
        '      environment: {PORT: ${env:PORT}, VALUE: "\\ufdd0"}}\n',
        env={"PORT": "1"},
    )
    assert app.function().environment == {"PORT": "1", "VALUE": "\ufdd0"}


def test_defaults_are_laid_under_every_function(project: Project) -> None:
    app = project.load(
        "defaults:\n"
        "  runtime: python3.13\n"
        "  code: src\n"
        "  layers: [imaging]\n"
        "  environment: {LEVEL: info, STAGE: dev}\n"
        "  logging: {format: json}\n"
        "  vpc: {subnets: [subnet-1], security_groups: [sg-1]}\n"
        "functions:\n"
        "  a: {handler: app.handler, environment: {LEVEL: debug}, logging: {level: warn}}\n"
        "  b: {handler: app.handler, layers: [], vpc: none}\n"
        "  c: {code: {image: 'photos:1'}}\n"
        "layers: {imaging: {path: layers/imaging}}\n"
    )
    a, b, c = app.functions.values()
    assert a.environment == {"LEVEL": "debug", "STAGE": "dev"}
    assert a.logging == Logging("json", "warn")
    assert a.layers == ("imaging",)
    assert b.layers == ()
    assert (a.vpc is None, b.vpc is None) == (False, True)
    assert (c.code.kind, c.code.image) == ("image", "photos:1")
    assert (c.runtime, c.handler, c.layers) == (None, None, ())


RUNNERS = """\
defaults: {runtime: python3.13, code: src}
functions:
  a: {handler: app.handler}
  b: {handler: app.handler, runner: process}
  c: {handler: app.handler, runner: container}
  image: {code: {image: "photos:1"}}
  java: {runtime: java21, handler: "a.B::c"}
"""
UNASKED = [None, "process", "container", None, None]
CONTAINERS = ["container", "process", "container", "container", "container"]


@pytest.mark.parametrize(
    ("text", "stage", "runners"),
    [
        (RUNNERS, None, UNASKED),
        ("runner: container\n" + RUNNERS, None, CONTAINERS),
        (RUNNERS.replace("defaults: {", "defaults: {runner: container, "), None, CONTAINERS),
        (
            "runner: process\n" + RUNNERS.replace("defaults: {", "defaults: {runner: container, "),
            None,
            CONTAINERS,
        ),
        # What can't be a process is not asked to be one by what all are asked.
        ("runner: process\n" + RUNNERS, None, ["process", "process", "container", None, None]),
        (RUNNERS + "stages: {real: {runner: container}}\n", "real", CONTAINERS),
        (
            "runner: '${env:RUNNER:-process}'\n" + RUNNERS,
            None,
            ["process", "process", "container", None, None],
        ),
    ],
)
def test_runners(project: Project, text: str, stage: str | None, runners: list[str | None]) -> None:
    app = project.load(text, stage=stage)
    assert [function.runner for function in app.functions.values()] == runners


def test_a_runner_needs_no_defaults(project: Project) -> None:
    assert project.load("runner: container\n" + SMALL).function().runner == "container"


def test_a_stage_is_laid_over(project: Project) -> None:
    text = SMALL + (
        "stages:\n"
        "  prod:\n"
        "    defaults: {memory: 1024}\n"
        "    functions:\n"
        "      resize: {timeout: 30, environment: {STAGE: '${stage}'}}\n"
        "      only_here: {runtime: nodejs22.x, handler: index.handler, code: src}\n"
        "  dev: {functions: {resize: {environment: {SECRET: '${env:NOT_SET_HERE}'}}}}\n"
    )
    plain, prod = project.load(text), project.load(text, stage="prod")
    assert (plain.stage, plain.function("resize").memory_mb) == (None, 128)
    resize = prod.function("resize")
    assert (prod.stage, resize.memory_mb, resize.timeout_s) == ("prod", 1024, 30)
    assert resize.environment == {"STAGE": "prod"}
    assert list(prod.functions) == ["resize", "only_here"]


def test_a_stage_replaces_what_is_one_of_several_forms(project: Project) -> None:
    text = (
        "functions:\n"
        "  a: {runtime: python3.13, handler: app.handler, code: {path: src},\n"
        "      async: {on_failure: {queue: failed}}}\n"
        "stages:\n"
        "  prod: {functions: {a: {code: {bucket: code-bucket, key: a.zip},\n"
        "                         async: {on_failure: {topic: alarms}}}}}\n"
    )
    function = project.load(text, stage="prod").function("a")
    assert (function.code.kind, function.code.bucket) == ("s3", "code-bucket")
    assert function.async_.on_failure == Destination("sns", "alarms")


@pytest.mark.parametrize(
    ("stage", "hint"), [("prdo", "did you mean `prod`?"), ("other", "there is: prod, dev")]
)
def test_an_unknown_stage(project: Project, stage: str, hint: str) -> None:
    with pytest.raises(ManifestError) as caught:
        project.load(SMALL + "stages: {prod: {}, dev: {}}\n", stage=stage)
    (problem,) = caught.value.problems
    assert (problem.code, problem.hint, problem.where.line) == ("unknown-stage", hint, 3)


def test_a_fault_in_another_stage_is_found_too(project: Project) -> None:
    text = SMALL + "stages: {prod: {functions: {resize: {memry: 5, timeout: '${env:X}'}}}}\n"
    assert [p.code for p in project.check(text)] == ["unknown-field"]


def test_scalars_of_the_environment_are_kept_as_written(project: Project) -> None:
    values = {
        "PORT": "8080",
        "FLAG": "true",
        "SHOUT": "TRUE",
        "SWITCH": "ON",
        "ANSWER": "yes",
        "VERSION": "3.10",
        "OCTAL": "010",
        "HEX": "0x1F",
        "TIME": "12:30",
        "DATE": "2026-01-31",
        "FLOAT": "1e3",
        "GROUPED": "1_000",
    }
    lines = "".join(f"      {name}: {value}\n" for name, value in values.items())
    text = "functions:\n  a:\n    runtime: python3.13\n    handler: app.handler\n    code: src\n"
    assert project.load(f"{text}    environment:\n{lines}").function().environment == values


def test_keys_are_text_whatever_yaml_1_1_thinks_of_them(project: Project) -> None:
    app = project.load(SMALL.replace("resize", "on").replace("src}", "src, tags: {1: a, no: b}}"))
    assert app.function("on").tags == {"1": "a", "no": "b"}


def test_anchors_and_merges(project: Project) -> None:
    app = project.load(
        "x-base: &base {runtime: python3.13, code: src, memory: 256, timeout: 5}\n"
        "x-slow: &slow {timeout: 60}\n"
        "functions:\n"
        "  a: {<<: *base, handler: app.handler}\n"
        "  b: {<<: [*slow, *base], handler: app.handler, memory: 512}\n"
        "  c: &c {<<: *base, handler: app.handler}\n"
        "  d: *c\n"
    )
    settings = {f.name: (f.memory_mb, f.timeout_s) for f in app.functions.values()}
    assert settings == {"a": (256, 5), "b": (512, 60), "c": (256, 5), "d": (256, 5)}


@pytest.mark.parametrize(
    ("written", "seconds"), [("30", 30), ("30s", 30), ("2m", 120), ("1m30s", 90), ('"15m"', 900)]
)
def test_durations(project: Project, written: str, seconds: int) -> None:
    app = project.load(SMALL.replace("src}", f"src, timeout: {written}}}"))
    assert app.function().timeout_s == seconds


def test_what_a_capacity_provider_and_an_accelerator_allow(project: Project) -> None:
    provider = f"capacity_provider: {{arn: 'arn:aws:lambda:{ACCOUNT}:capacity-provider:main'}}"
    more = f"src, memory: 32768, timeout: 90m, {provider}, "
    app = project.load(
        SMALL.replace("src}", more + "accelerator_memory: 8, ephemeral_storage: 32768}")
    )
    function = app.function()
    assert (function.memory_mb, function.timeout_s) == (32768, 5400)
    assert (function.ephemeral_storage_mb, function.accelerator_memory_gb) == (32768, 8)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("src", "folder"),
        ("build/app.zip", "zip"),
        ("{path: src}", "folder"),
        ("{dockerfile: docker/Dockerfile, target: lambda, args: {VERSION: 3.10}}", "dockerfile"),
        ("{image: 'photos:1', command: [app.handler]}", "image"),
        ("{bucket: code-bucket, key: a.zip, storage: reference}", "s3"),
    ],
)
def test_forms_of_code(project: Project, code: str, kind: str) -> None:
    head = "" if kind in ("image", "dockerfile") else "runtime: python3.13, handler: app.handler, "
    found = project.load(f"functions: {{a: {{{head}code: {code}}}}}\n").function().code
    assert found.kind == kind
    if kind == "dockerfile":
        assert (found.dockerfile, found.context) == (
            project.root / "docker/Dockerfile",
            project.root / "docker",
        )
        assert (found.target, found.args) == ("lambda", {"VERSION": "3.10"})
    if kind == "image":
        assert found.command == ("app.handler",)
    if kind == "s3":
        assert (found.bucket, found.key, found.storage) == ("code-bucket", "a.zip", "reference")


def test_provided_runtimes_need_no_handler(project: Project) -> None:
    app = project.load("functions: {a: {runtime: provided.al2023, code: src}}\n")
    assert app.function().handler == "bootstrap"


def test_the_manifest_is_found_above_and_in_a_folder(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write(SMALL)
    assert manifest.load(start=project.root / "src").root == project.root
    monkeypatch.chdir(project.root / "src")
    assert manifest.load(env={}).function().where.file == str(project.root / "lambdactl.yaml")
    assert manifest.load(project.root).source == project.root / "lambdactl.yaml"
    (project.root / "lambdactl.yaml").rename(project.root / "lambdactl.yml")
    assert manifest.find() == project.root / "lambdactl.yml"


@pytest.mark.parametrize("path", ["other.yaml", "src", None])
def test_no_manifest(project: Project, path: str | None) -> None:
    with pytest.raises(ManifestError) as caught:
        manifest.load(Path(path) if path else None)
    (problem,) = caught.value.problems
    assert problem.code == "file-not-found"
    assert manifest.find(Path(path) if path else None) is None


@pytest.mark.parametrize(
    ("data", "line", "column"),
    [
        (b"service: caf\xe9\n", 1, 13),
        ("service: a\nfunctions: {}\n".encode("utf-16"), 1, 1),
        ("service: ä\nname: é".encode() + b"\xff", 2, 8),
    ],
)
def test_other_encodings(project: Project, data: bytes, line: int, column: int) -> None:
    (problem,) = project.check(data)
    assert (problem.code, problem.where.line, problem.where.column) == ("not-utf8", line, column)


def test_a_byte_order_mark_and_windows_lines_do_no_harm(project: Project) -> None:
    app = project.load("\ufeff" + SMALL.replace("\n", "\r\n"))
    assert app.function().name == "resize"


def test_sizes_are_bounded(project: Project) -> None:
    (problem,) = project.check("# " + "a" * (1024 * 1024) + "\n" + SMALL)
    assert problem.code == "too-large"
    bomb = "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n"
    bomb += "".join(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 10)}]\n" for n in range(9))
    (problem,) = project.check(bomb)
    assert (problem.code, problem.where.line) == ("too-large", 4)


def test_deprecated_runtimes_are_warnings(project: Project) -> None:
    app = project.load(SMALL.replace("python3.13", "python3.8"))
    (warning,) = app.warnings
    assert (warning.severity, warning.code, warning.where.line) == (
        "warning",
        "deprecated-runtime",
        2,
    )
    assert warning.hint is not None
    assert "python3.1" in warning.hint


def test_a_variable_of_one_letter_is_a_warning(project: Project) -> None:
    app = project.load(SMALL.replace("src}", "src, environment: {A: 1, AB: 2}}"))
    (warning,) = app.warnings
    assert (warning.severity, warning.code) == ("warning", "short-variable-name")
    assert "`A`" in warning.message


@pytest.mark.parametrize(
    ("written", "hint"),
    [
        ("rate(1 minutes)", "write rate(1 minute)"),
        ("rate(2 hour)", "write rate(2 hours)"),
        ("rate(1 day)", None),
        ("rate(10 days)", None),
        ("cron(0 8 ? * MON-FRI *)", None),
        ("at(2026-12-31T23:59:59)", None),
    ],
)
def test_rates_of_one_are_singular(project: Project, written: str, hint: str | None) -> None:
    for schedule in (written, f"{{expression: {written}}}"):
        app = project.load(SMALL.replace("src}", f"src, triggers: [{{schedule: {schedule}}}]}}"))
        assert [problem.hint for problem in app.warnings] == ([hint] if hint else [])


def test_a_layer_for_another_runtime_is_a_warning(project: Project) -> None:
    text = SMALL.replace("src}", "src, layers: [imaging]}")
    app = project.load(
        text
        + "layers:\n"
        + "  imaging: {path: layers/imaging, runtimes: [python3.12], architectures: [arm64]}\n"
    )
    assert [w.code for w in app.warnings] == ["incompatible-layer", "incompatible-layer"]


def test_load_does_not_look_at_the_code(project: Project) -> None:
    app = project.load(SMALL.replace("src", "nowhere"))
    assert [p.code for p in manifest.check_code(app)] == ["code-missing"]
    assert [p.code for p in manifest.check_code(app, ["resize"])] == ["code-missing"]
    with pytest.raises(UserError, match="there is no function 'rezise'"):
        manifest.check_code(app, ["rezise"])


def test_variable_names_from_the_command_line() -> None:
    manifest.check_variable_names(["BUCKET", "level", "K", "_private"])
    with pytest.raises(UserError, match="set by Lambda"):
        manifest.check_variable_names(["AWS_REGION"])
    with pytest.raises(UserError, match="can't be the name"):
        manifest.check_variable_names(["MY-NAME"])


def test_state_machines(project: Project) -> None:
    app = project.load(
        """
functions: {}
state_machines:
  flow: {definition: flow.asl.json, type: express, substitutions: {COUNT: 3}, name: own}
  inline: {definition: {StartAt: A}, role: "arn:aws:iam::123456789012:role/a"}
"""
    )
    flow, inline = app.state_machines.values()
    assert (flow.path, flow.type, flow.aws_name) == (
        project.root / "flow.asl.json",
        "express",
        "own",
    )
    assert flow.substitutions == {"COUNT": "3"}
    assert (inline.path, inline.definition, inline.type) == (None, {"StartAt": "A"}, "standard")
    assert inline.role is not None
    (problem,) = manifest.check_code(app)
    assert problem.message == "the state machine `flow` has no file flow.asl.json"
    assert problem.where.line == 4
