"""What a whole ``lambdactl invoke`` costs: start, manifest, environment, one call, stop; against
the bare interpreter that does nothing but call the handler, and against ``sam local invoke``.

::

    python tests/bench/invoke.py --sam /path/to/sam     # SAM needs a Docker engine and its image
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from common import Command, in_turn, machine, script, summary

RUNTIME = f"python3.{sys.version_info.minor}"
PYTHON = 'def handler(event, context):\n    return {"hello": event.get("key", "world")}\n'
NODE = 'exports.handler = async (event) => ({ hello: event.key ?? "world" });\n'
SAM = f"""\
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src
      Handler: app.handler
      Runtime: {RUNTIME}
      MemorySize: 256
      Timeout: 10
"""


def project(folder: Path) -> None:
    """The same function as a lambdactl and as a SAM project, in Python and in Node.js."""
    source = folder / "src"
    source.mkdir()
    (source / "app.py").write_text(PYTHON)
    (source / "app.js").write_text(NODE)
    (folder / "event.json").write_text('{"key": "cat.jpg"}')
    (folder / "template.yaml").write_text(SAM)
    (folder / "lambdactl.yaml").write_text(
        "defaults: {memory: 256, timeout: 10}\n"
        "functions:\n"
        f"  hello: {{handler: app.handler, code: src, runtime: {RUNTIME}}}\n"
        "  node: {handler: app.handler, code: src, runtime: nodejs20.x}\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--sam", help="SAM's program; left out without it")
    parser.add_argument("--sam-rounds", type=int, default=5)
    options = parser.parse_args()
    # Not under /tmp: a project there is mounted into the function's own /tmp, which no project at
    # home needs.
    with tempfile.TemporaryDirectory(prefix="lambdactl-bench-", dir=Path.home()) as name:
        folder = Path(name)
        project(folder)
        lambdactl, event = script("lambdactl"), ["-e", "event.json"]
        bare = "import app; print(app.handler({'key': 'cat.jpg'}, None))"
        commands = {
            "`python -c 'import app; app.handler(...)'`": Command(
                [sys.executable, "-c", bare], "cat.jpg", folder / "src"
            ),
            "`lambdactl invoke hello -e event.json` (Python)": Command(
                [lambdactl, "invoke", "hello", *event], "cat.jpg", folder
            ),
            "`lambdactl invoke src/app.py -e event.json`": Command(
                [lambdactl, "invoke", "src/app.py", *event], "cat.jpg", folder
            ),
        }
        node = shutil.which("node")
        if node:
            bare = "require('./app').handler({ key: 'cat.jpg' }).then(console.log)"
            commands["`node -e 'require(\"./app\").handler(...)'`"] = Command(
                [node, "-e", bare], "cat.jpg", folder / "src"
            )
            commands["`lambdactl invoke node -e event.json` (Node.js)"] = Command(
                [lambdactl, "invoke", "node", *event], "cat.jpg", folder
            )
        print(machine(), end="\n\n")
        print(summary(in_turn(commands, options.rounds), next(iter(commands))))
        if options.sam:
            pair = {
                "`lambdactl invoke hello -e event.json` (Python)": commands[
                    "`lambdactl invoke hello -e event.json` (Python)"
                ],
                "`sam local invoke Hello -e event.json`": Command(
                    [options.sam, "local", "invoke", "Hello", *event, "--skip-pull-image"],
                    "cat.jpg",
                    folder,
                    {"SAM_CLI_TELEMETRY": "0"},
                ),
            }
            print()
            print(summary(in_turn(pair, options.sam_rounds), next(iter(pair))))


if __name__ == "__main__":
    main()
