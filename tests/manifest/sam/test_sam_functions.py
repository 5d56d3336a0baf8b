"""Functions and layers of a template -> functions and layers of the model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lambdactl import manifest
from lambdactl.manifest import check_code, layouts
from lambdactl.manifest.features import (
    CapacityProvider,
    Cors,
    Durable,
    FileSystem,
    FunctionUrl,
    Vpc,
)
from lambdactl.manifest.routes import apis_of
from lambdactl.manifest.sam.convert import convert
from lambdactl.manifest.settings import (
    AsyncConfig,
    Concurrency,
    Destination,
    Logging,
    Role,
    RuntimeManagement,
)
from tests.manifest.sam.conftest import FUNCTION, HEAD, Folder

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"
POINT = "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-0123456789abcdef0"
SIGNING = "arn:aws:lambda:us-east-1:123456789012:code-signing-config:csc-0123456789abcdef0"
PROVIDER = "arn:aws:lambda:eu-west-1:123456789012:capacity-provider:main"
RUNTIME = "arn:aws:lambda:eu-west-1::runtime:8eeff65f"
RESOURCES = """
Dead: {Type: AWS::SQS::Queue}
Done: {Type: AWS::SNS::Topic}
Bus: {Type: AWS::Events::EventBus}
Net: {Type: AWS::EC2::Subnet}
Wall: {Type: AWS::EC2::SecurityGroup}
Signing: {Type: AWS::Lambda::CodeSigningConfig}
Own:
  Type: AWS::IAM::Role
  Properties:
    ManagedPolicyArns: ['arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole']
    Policies: [{PolicyName: a, PolicyDocument: {Statement: {Effect: Allow, Action: 's3:*'}}}]
"""
READ = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
PROPERTIES: list[tuple[str, str, Any]] = [
    ("Description: what it does", "description", "what it does"),
    ("FunctionName: shop-fn", "aws_name", "shop-fn"),
    ("MemorySize: 256", "memory_mb", 256),
    ("MemorySize: '256'", "memory_mb", 256),
    ("Timeout: 30", "timeout_s", 30),
    ("Architectures: [arm64]", "architecture", "arm64"),
    ("EphemeralStorage: {Size: 1024}", "ephemeral_storage_mb", 1024),
    (f"KmsKeyArn: {KEY}", "kms_key", KEY),
    ("CodeSigningConfigArn: !Ref Signing", "code_signing", SIGNING),
    ("Tracing: Active", "tracing", "active"),
    ("Tracing: Disabled", "tracing", "pass_through"),
    ("Tags: {team: a, size: 3}", "tags", {"team": "a", "size": "3"}),
    ("RecursiveLoop: Allow", "recursion", "allow"),
    ("SnapStart: {ApplyOn: PublishedVersions}", "snap_start", True),
    ("TenancyConfig: {TenantIsolationMode: PER_TENANT}", "tenancy", "per_tenant"),
    (
        "LoggingConfig: {LogFormat: JSON, ApplicationLogLevel: DEBUG, SystemLogLevel: WARN, "
        "LogGroup: /a}",
        "logging",
        Logging("json", "debug", "warn", "/a"),
    ),
    ("ReservedConcurrentExecutions: 0", "concurrency", Concurrency(0)),
    (
        "RuntimeManagementConfig: {UpdateRuntimeOn: FunctionUpdate}",
        "runtime_management",
        RuntimeManagement("function_update"),
    ),
    (
        f"RuntimeManagementConfig: {{UpdateRuntimeOn: Manual, RuntimeVersionArn: '{RUNTIME}'}}",
        "runtime_management",
        RuntimeManagement("manual", RUNTIME),
    ),
    (
        "DeadLetterQueue: {Type: SQS, TargetArn: !GetAtt Dead.Arn}",
        "dead_letter",
        Destination("sqs", "Dead"),
    ),
    (
        "EventInvokeConfig: {MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 0, "
        "DestinationConfig: {OnSuccess: {Type: SNS, Destination: !Ref Done}, "
        "OnFailure: {Type: SQS}}}",
        "async_",
        AsyncConfig(
            0,
            60,
            Destination("sns", "Done"),
            Destination("sqs", "FnEventInvokeConfigOnFailureQueue"),
        ),
    ),
    (
        "EventInvokeConfig: {DestinationConfig: {OnSuccess: {Type: EventBridge, Destination: "
        "!GetAtt Bus.Arn}, OnFailure: {Type: Lambda, Destination: !GetAtt Fn.Arn}}}",
        "async_",
        AsyncConfig(
            on_success=Destination("eventbridge", "Bus"), on_failure=Destination("lambda", "Fn")
        ),
    ),
    (
        "FunctionUrlConfig: {AuthType: AWS_IAM, Cors: {AllowOrigins: ['*'], AllowMethods: [GET], "
        "MaxAge: 60, AllowCredentials: true}}",
        "url",
        FunctionUrl(
            cors=Cors(("*",), ("GET",), allow_credentials=True, max_age_s=60),
        ),
    ),
    (
        "VpcConfig: {SubnetIds: [!Ref Net], SecurityGroupIds: [!GetAtt Wall.GroupId], "
        "Ipv6AllowedForDualStack: true}",
        "vpc",
        Vpc(("subnet-net",), ("sg-wall",), True),
    ),
    (
        "DurableConfig: {ExecutionTimeout: 3600, RetentionPeriodInDays: 7}",
        "durable",
        Durable(3600, 7),
    ),
    (
        f"CapacityProviderConfig: {{Arn: '{PROVIDER}', PerExecutionEnvironmentMaxConcurrency: 9}}\n"
        "FunctionScalingConfig: {MinExecutionEnvironments: 1, MaxExecutionEnvironments: 4}",
        "capacity_provider",
        CapacityProvider(PROVIDER, 9, None, 1, 4),
    ),
    (
        "Role: arn:aws:iam::123456789012:role/own",
        "role",
        Role("arn:aws:iam::123456789012:role/own"),
    ),
    (
        "Role: !GetAtt Own.Arn",
        "role",
        Role(
            managed=("AWSLambdaBasicExecutionRole",),
            statements=({"Effect": "Allow", "Action": "s3:*"},),
        ),
    ),
    ("Policies: AmazonS3FullAccess", "role", Role(managed=("AmazonS3FullAccess",))),
    (
        "Policies: [arn:aws:iam::123456789012:policy/own, {Statement: [{Effect: Allow, "
        "Action: 's3:GetObject', Resource: '*'}]}]\n"
        "PermissionsBoundary: arn:aws:iam::123456789012:policy/edge",
        "role",
        Role(
            managed=("arn:aws:iam::123456789012:policy/own",),
            statements=(READ,),
            boundary="arn:aws:iam::123456789012:policy/edge",
        ),
    ),
    (
        "Policies: [{SNSPublishMessagePolicy: {TopicName: !GetAtt Done.TopicName}}]",
        "role",
        Role(
            statements=(
                {
                    "Effect": "Allow",
                    "Action": ["sns:Publish"],
                    "Resource": "arn:aws:sns:us-east-1:123456789012:Done",
                },
            )
        ),
    ),
]


@pytest.mark.parametrize(
    ("properties", "field", "value"), PROPERTIES, ids=[p.partition(":")[0] for p, *_ in PROPERTIES]
)
def test_properties(folder: Folder, properties: str, field: str, value: Any) -> None:
    app = folder.app(properties, RESOURCES)
    assert app.warnings == ()
    assert getattr(app.function("Fn"), field) == value


def test_a_file_system(folder: Folder) -> None:
    function = folder.function(
        f"VpcConfig: {{SubnetIds: [!Ref Net], SecurityGroupIds: [!Ref Wall]}}\n"
        f"FileSystemConfigs: [{{Arn: '{POINT}', LocalMountPath: /mnt/data}}]",
        RESOURCES,
    )
    assert function.filesystem == FileSystem(POINT, "/mnt/data")


def test_the_function_is_called_by_its_logical_id(folder: Folder) -> None:
    app = folder.app("FunctionName: !Sub '${AWS::StackName}-fn'")
    assert (list(app.functions), app.function("Fn").aws_name) == (["Fn"], "local-fn")
    assert app.function("Fn").code.path == folder.root / "src"
    where = app.function("Fn").where
    assert where is not None
    assert (where.file, where.source) == ("template.yaml", "  Fn:")


def test_a_function_of_lambda_s_own(folder: Folder) -> None:
    app = folder.load(
        """
        Resources:
          Fn:
            Type: AWS::Lambda::Function
            Properties:
              Code: src
              Runtime: python3.13
              Handler: app.handler
              TracingConfig: {Mode: Active}
              DeadLetterConfig: {TargetArn: 'arn:aws:sqs:eu-west-1:123456789012:dead'}
              Tags: [{Key: team, Value: a}]
        """
    )
    function = app.function("Fn")
    assert (function.tracing, function.tags) == ("active", {"team": "a"})
    assert function.dead_letter == Destination("sqs", "arn:aws:sqs:eu-west-1:123456789012:dead")
    assert check_code(app) == ()


@pytest.mark.parametrize(
    ("runtime", "code", "files"),
    [
        ("python3.13", "def handler(e, c): pass", ["index.py"]),
        ("nodejs22.x", "exports.handler = async () => 1", ["index.js"]),
        ("nodejs22.x", "export const handler = async () => 1", ["index.mjs"]),
        ("ruby3.4", "def handler(event:, context:) = 1", ["index.rb"]),
        ("python3.13", "import cfnresponse", ["cfnresponse.py", "index.py"]),
        ("nodejs22.x", "const r = require('cfn-response')", ["cfn-response.js", "index.js"]),
    ],
)
@pytest.mark.parametrize("kind", ["serverless", "lambda"])
def test_inline_code(folder: Folder, kind: str, runtime: str, code: str, files: list[str]) -> None:
    head = f"Resources:\n  Fn:\n    Type: AWS::{kind.capitalize()}::Function\n    Properties:\n"
    body = f"      Runtime: {runtime}\n      Handler: index.handler\n"
    inline = f"      InlineCode: |\n        {code}\n"
    if kind == "lambda":
        inline = f"      Code:\n        ZipFile: !Sub |\n          {code}\n"
    app = folder.load(head + body + inline)
    path = app.function("Fn").code.path
    assert path is not None
    assert path.is_relative_to(folder.root / ".cache")
    assert sorted(file.name for file in path.iterdir()) == files
    again = folder.load(head + body + inline).function("Fn").code.path
    assert again == path


def test_inline_code_without_a_cache(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder.root / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder.root / "file"))
    monkeypatch.setenv("TMPDIR", str(folder.root / "tmp"))
    monkeypatch.setattr("tempfile.tempdir", str(folder.root / "tmp"))
    text = folder.text("InlineCode: x = 1").replace("      CodeUri: src/\n", "")
    path = folder.load(text).function("Fn").code.path
    assert path is not None
    assert path.is_relative_to(folder.root / "tmp")
    assert (path / "index.py").read_text() == "x = 1"


CODES = [
    ("CodeUri: src", ("folder", "src")),
    ("CodeUri: ./src/app.py", ("folder", "src")),
    ("CodeUri: build/fn.zip", ("zip", "build/fn.zip")),
    ("CodeUri: s3://code/fn.zip?versionId=3", ("s3", "code/fn.zip 3")),
    ("CodeUri: {Bucket: code, Key: fn.zip, Version: a}", ("s3", "code/fn.zip a")),
    ("Handler: app.handler", ("folder", ".")),
    (
        "PackageType: Image\nImageUri: 'repo/fn:1'\nImageConfig: {Command: [a], EntryPoint: [b], "
        "WorkingDirectory: /w}",
        ("image", "repo/fn:1 a b /w"),
    ),
]


@pytest.mark.parametrize(("properties", "found"), CODES, ids=[case for case, _ in CODES])
def test_code(folder: Folder, properties: str, found: tuple[str, str]) -> None:
    text = HEAD + "Resources:\n  Fn:\n    Type: AWS::Serverless::Function\n    Properties:\n"
    if "Image" not in properties:
        text += "      Runtime: python3.13\n"
        text += "" if "Handler" in properties else "      Handler: app.handler\n"
    text += "".join(f"      {line}\n" for line in properties.splitlines())
    code = folder.load(text).function("Fn").code
    shown = {
        "folder": lambda: str((code.path or Path()).relative_to(folder.root)),
        "zip": lambda: str((code.path or Path()).relative_to(folder.root)),
        "s3": lambda: f"{code.bucket}/{code.key} {code.version}",
        "image": lambda: " ".join(
            [code.image or "", *code.command, *code.entrypoint, code.working_directory or ""]
        ),
    }[code.kind]()
    assert (code.kind, shown) == found


def test_an_image_to_build(folder: Folder) -> None:
    app = folder.load(
        """
        Resources:
          Fn:
            Type: AWS::Serverless::Function
            Metadata: {Dockerfile: Dockerfile.fn, DockerContext: ./src, DockerTag: v1,
              DockerBuildTarget: final, DockerBuildArgs: {A: 1}}
            Properties: {PackageType: Image}
          Bare: {Type: AWS::Serverless::Function, Properties: {PackageType: Image, ImageUri: 'a:1'}}
        """
    )
    code = app.function("Fn").code
    assert code.dockerfile == folder.root / "src/Dockerfile.fn"
    assert (code.context, code.target, code.args) == (folder.root / "src", "final", {"A": "1"})
    assert app.function("Fn").runtime is None


def test_an_image_needs_something_to_run(folder: Folder) -> None:
    text = "Resources:\n  Fn: {Type: AWS::Serverless::Function, Properties: {PackageType: Image}}"
    (problem,) = folder.problems(text)
    assert problem.message == "`Fn` needs `ImageUri`, or `Metadata` with a `Dockerfile`"


def test_code_that_is_built_is_not_looked_into(folder: Folder) -> None:
    text = folder.text().replace(
        "    Properties", "    Metadata: {BuildMethod: java}\n    Properties"
    )
    report = manifest.examine(folder.write(text), env={})
    assert report.sound == ()
    assert [problem.code for problem in report.problems] == ["not-built"]
    built = text.replace("java}", "java, SamResourceId: Fn}")
    assert manifest.examine(folder.write(built), env={}).sound == ("Fn",)


def test_assets_of_the_cdk(folder: Folder) -> None:
    metadata = (
        "    Metadata: {'aws:asset:path': asset.1, 'aws:asset:property': Code}\n    Properties"
    )
    text = FUNCTION.replace("Serverless", "Lambda").replace("    Properties", metadata)
    text = text.replace("CodeUri: src/", "Code: {S3Bucket: cdk, S3Key: a.zip}")
    app = folder.load("Resources:\n" + text, name="cdk.out/Shop.template.json.yaml")
    assert app.function("Fn").code.path == folder.root / "cdk.out/asset.1"


def test_layers(folder: Folder) -> None:
    (folder.root / "layer/python").mkdir(parents=True)
    app = folder.app(
        """
        Layers: [!Ref Shared, !GetAtt Plain.LayerVersionArn, !Ref Far,
          'arn:aws:lambda:eu-west-1:123456789012:layer:x:3']
        """,
        """
        Shared: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer/,
          CompatibleRuntimes: [python3.13], CompatibleArchitectures: [x86_64], LayerName: named,
          Description: d, LicenseInfo: MIT}}
        Plain: {Type: AWS::Lambda::LayerVersion, Properties: {Content: layer}}
        Far: {Type: AWS::Lambda::LayerVersion, Properties: {Content: {S3Bucket: b, S3Key: k}}}
        """,
    )
    assert app.function("Fn").layers == (
        *("Shared", "Plain"),
        "arn:aws:lambda:eu-west-1:123456789012:layer:x:3",
    )
    shared = app.layers["Shared"]
    assert (shared.path, shared.runtimes) == (folder.root / "layer", ("python3.13",))
    assert (shared.description, shared.license) == ("d", "MIT")
    (warning,) = app.warnings
    assert "`Fn` runs without its layer `Far`" in warning.message


@pytest.mark.parametrize(("method", "top"), [("python3.13", "python"), ("nodejs22.x", "nodejs")])
def test_a_layer_that_sam_would_build_is_laid_out(folder: Folder, method: str, top: str) -> None:
    (folder.root / "shared").mkdir()
    (folder.root / "shared/util.py").write_text("")
    layer = f"""
    Shared:
      Type: AWS::Serverless::LayerVersion
      Metadata: {{BuildMethod: {method}}}
      Properties: {{ContentUri: shared}}
    """
    shared = folder.app("Layers: [!Ref Shared]", layer).layers["Shared"]
    assert (shared.path, layouts.missing_place(shared)) == (folder.root / "shared", top)
    (folder.root / "shared" / top).mkdir()
    assert folder.app("", layer).layers["Shared"].path == folder.root / "shared"


def test_globals_are_laid_under(folder: Folder) -> None:
    app = folder.load(
        """
        Transform: AWS::Serverless-2016-10-31
        Globals:
          Function:
            Runtime: python3.13
            Handler: app.handler
            CodeUri: src
            Timeout: 9
            Architectures: [x86_64]
            Layers: ['arn:aws:lambda:eu-west-1:123456789012:layer:one:1']
            VpcConfig: {SubnetIds: [subnet-a], SecurityGroupIds: [sg-a]}
            Environment: {Variables: {A: one, B: two}}
          Api: {Cors: "'*'", BinaryMediaTypes: [image~1png], Auth: {ApiKeyRequired: true}}
        Resources:
          Fn:
            Type: AWS::Serverless::Function
            Properties:
              Timeout: 3
              Architectures: [arm64]
              Layers: ['arn:aws:lambda:eu-west-1:123456789012:layer:two:2']
              VpcConfig: {SubnetIds: [subnet-b]}
              Environment: {Variables: {B: three, CC: four}}
              Events: {A: {Type: Api, Properties: {Path: /, Method: get}}}
          Other: {Type: AWS::Serverless::Function}
        """.replace("A: one", "AA: one").replace("B: t", "BB: t")
    )
    function = app.function("Fn")
    assert (function.timeout_s, function.architecture) == (3, "arm64")
    assert [layer.rpartition(":layer:")[2] for layer in function.layers] == ["one:1", "two:2"]
    assert function.vpc == Vpc(("subnet-a", "subnet-b"), ("sg-a",))
    assert function.environment == {"AA": "one", "BB": "three", "CC": "four"}
    (api,) = apis_of(app)
    assert api.binary_types == ("image/png",)
    assert [(route.method, route.api_key) for route in api.routes] == [
        ("GET", True),
        ("OPTIONS", True),
    ]
    assert app.function("Other").timeout_s == 9
    assert function.places["handler"].line == 6


def test_globals_that_can_t_be(folder: Folder) -> None:
    sections = "Globals: {Functions: {Timeout: 3}, Function: {Role: a, Timeout: 3}}"
    problems = folder.problems(folder.text("", "", sections))
    assert [(problem.message, problem.hint) for problem in problems] == [
        ("`Globals` has no `Functions`", "did you mean `Function`?"),
        ("`Globals` can't give functions `Role`", "write it in each function"),
    ]


def test_unknown_properties_and_policies(folder: Folder) -> None:
    problems = folder.problems(
        folder.text(
            "Timeot: 3\nPolicies: [{SQSPolerPolicy: {QueueName: a}}, {SQSPollerPolicy: {}}]"
        )
    )
    assert [(problem.severity, problem.message, problem.hint) for problem in problems] == [
        (
            *("warning", "`Fn` has a property `Timeot`, which is not known here"),
            "did you mean `Timeout`?",
        ),
        (
            *("error", "there is no policy template `SQSPolerPolicy`"),
            "did you mean `SQSPollerPolicy`?",
        ),
        ("error", "`SQSPollerPolicy` needs `QueueName`", None),
    ]


def test_missing_fields_are_called_by_the_template_s_names(folder: Folder) -> None:
    text = "Resources:\n  Fn: {Type: AWS::Serverless::Function, Properties: {}}"
    problems = folder.problems(text)
    assert [problem.message for problem in problems] == [
        "`Fn` needs `Runtime`",
        "`Fn` needs `Handler`",
    ]
    assert "`Globals`" in str(problems[0].hint)


def test_resources_that_are_malformed(folder: Folder) -> None:
    problems = folder.problems("Resources:\n  A: {Typ: x}\n  B: text\n")
    assert [problem.message for problem in problems] == [
        "the resource `A` needs `Type`",
        "the resource `B` needs `Type`",
    ]


def test_other_resources_do_not_disturb(folder: Folder) -> None:
    app = folder.app(
        "",
        """
        Table: {Type: AWS::Serverless::SimpleTable}
        Thing: {Type: Custom::Thing, Properties: {Value: !ImportValue x}}
        Link: {Type: AWS::Serverless::Connector, Properties: {Source: {Id: Fn}}}
        """,
    )
    assert app.warnings == ()


def test_state_machines_are_kept(folder: Folder) -> None:
    app = folder.app(
        "",
        """
        Flow:
          Type: AWS::Serverless::StateMachine
          Properties:
            DefinitionUri: flow.asl.json
            Type: EXPRESS
            Name: flow
            DefinitionSubstitutions: {FnArn: !GetAtt Fn.Arn}
            Policies: [{LambdaInvokePolicy: {FunctionName: !Ref Fn}}]
        Inline:
          Type: AWS::StepFunctions::StateMachine
          Properties: {DefinitionString: '{"StartAt": "A"}', StateMachineType: STANDARD}
        Far:
          Type: AWS::Serverless::StateMachine
          Properties: {DefinitionUri: s3://a/b}
        """,
    )
    flow, inline = app.state_machines.values()
    assert (flow.path, flow.type) == (folder.root / "flow.asl.json", "express")
    assert flow.substitutions == {"FnArn": "arn:aws:lambda:us-east-1:123456789012:function:Fn"}
    assert flow.role is not None
    assert flow.role.statements[0]["Action"] == ["lambda:InvokeFunction"]
    assert inline.definition == {"StartAt": "A"}
    assert len(app.warnings) == 3


def test_stages_are_for_the_manifest(folder: Folder) -> None:
    report = manifest.examine(folder.write(folder.text()), stage="prod", env={})
    assert [problem.code for problem in report.problems] == ["unknown-stage"]


def test_a_key_given_twice_is_a_warning(folder: Folder) -> None:
    app = folder.app("Timeout: 5\nTimeout: 6")
    assert [(p.code, p.severity) for p in app.warnings] == [("duplicate-key", "warning")]


@pytest.mark.parametrize(
    ("type_", "hint"),
    [
        ("AWS::Serverles::Function", "did you mean `AWS::Serverless::Function`?"),
        ("Aws::Serverless::Function", "did you mean `AWS::Serverless::Function`?"),
        ("AWS::Serverless::Functon", "did you mean `AWS::Serverless::Function`?"),
        ("AWS::Serverless::Nothing", "AWS SAM has no such type"),
        ("AWS::Lamda::Function", "did you mean `AWS::Lambda::Function`?"),
        ("AWS::Lambda::Functions", "did you mean `AWS::Lambda::Function`?"),
    ],
)
def test_a_misspelled_type_is_named(folder: Folder, type_: str, hint: str) -> None:
    (problem,) = folder.problems(folder.text("", f"Other: {{Type: '{type_}'}}"))
    assert problem.message == f"`Other` has a type that is not known: `{type_}`"
    assert (problem.severity, problem.hint) == ("warning", hint)


@pytest.mark.parametrize(
    "type_",
    [
        "AWS::CloudFront::Function",
        "AWS::EMRServerless::Application",
        "AWS::SageMaker::Model",
        "AWS::ServerlessRepo::Application",
        "AWS::Lambda::Something",
        "Custom::Function",
    ],
)
def test_a_type_of_another_service_is_not_misspelled(folder: Folder, type_: str) -> None:
    assert not folder.problems(folder.text("", f"Other: {{Type: '{type_}'}}"))


CALLERS = [
    (
        "AWS::KinesisFirehose::DeliveryStream",
        "{Processors: [{Parameters: [{ParameterValue: !GetAtt Fn.Arn}]}]}",
        "firehose",
    ),
    ("AWS::SecretsManager::RotationSchedule", "{RotationLambdaARN: !Sub '${Fn.Arn}:a'}", "secr"),
    ("AWS::AppSync::DataSource", "{A: {LambdaFunctionArn: {'Fn::GetAtt': [Fn, Arn]}}}", "appsync"),
    ("AWS::CloudWatch::Alarm", "{AlarmActions: [!Sub ['${F}', {F: !Ref Fn}]]}", "cloudwatch"),
]


@pytest.mark.parametrize(("type_", "properties", "service"), CALLERS)
def test_what_calls_a_function_and_is_no_trigger_is_named(
    folder: Folder, type_: str, properties: str, service: str
) -> None:
    resource = f"Other: {{Type: '{type_}', Properties: {properties}}}"
    (problem,) = folder.problems(folder.text("", resource))
    assert problem.message == f"`Other` ({type_}) calls `Fn`; no trigger stands for that"
    assert problem.severity == "warning"
    assert f"generate-event {service}" in str(problem.hint)
    assert not folder.problems(folder.text("", resource.replace("Fn", "AWS::StackName")))


def test_services_of_callers_have_events() -> None:
    from lambdactl.events import library
    from lambdactl.manifest.sam.callers import _SERVICES

    assert {s for s in _SERVICES.values() if s} <= set(library.service_names())


def test_a_bucket_with_a_short_logical_id_gets_a_name_that_s3_takes(folder: Folder) -> None:
    properties = (
        "Events: {E: {Type: S3, Properties: {Bucket: !Ref B, Events: 's3:ObjectCreated:*'}}}"
    )
    (trigger,) = folder.function(properties, "B: {Type: AWS::S3::Bucket}").triggers
    assert trigger.settings["bucket"] == "local-b"


UNKNOWN = """
Parameters: {Place: {Type: String}}
"""


@pytest.mark.parametrize(
    ("type_", "properties", "code"),
    [
        ("Serverless", "PackageType: Image, ImageUri: !Ref Place", "image: Place"),
        ("Lambda", "PackageType: Image, Code: {ImageUri: !Sub 'a/${Place}'}", "image: a/Place"),
        (
            "Serverless",
            "Runtime: java21, Handler: 'a.B::c', CodeUri: {Bucket: !Ref Place, Key: !Ref Place}",
            "{bucket: place, key: Place}",
        ),
        (
            "Lambda",
            "Runtime: java21, Handler: 'a.B::c', Code: {S3Bucket: a-b, S3Key: !Ref Place}",
            "{bucket: a-b, key: Place}",
        ),
    ],
)
def test_code_at_a_place_that_is_not_known(
    folder: Folder, type_: str, properties: str, code: str
) -> None:
    text = f"Other: {{Type: AWS::{type_}::Function, Properties: {{{properties}}}}}"
    path = folder.write(folder.text("", text, UNKNOWN))
    report = manifest.examine(path, env={})
    assert report.app is not None
    assert {problem.code for problem in report.problems} == {"unresolved"}
    written = convert(path, env={}).text
    assert code in written
    own = folder.write(written, "lambdactl.yaml")
    assert manifest.load(own, env={}).function("Other").code == report.app.function("Other").code
