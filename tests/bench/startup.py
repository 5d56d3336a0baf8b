"""How long until the command line says something: ``lambdactl --help`` against bare Python,
against importing what it is made of, and against SAM.

::

    python tests/bench/startup.py --sam /path/to/sam
"""

from __future__ import annotations

import argparse
import shutil
import sys

from common import Command, in_turn, machine, script, summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--sam", default=shutil.which("sam"), help="SAM's program [on PATH]")
    options = parser.parse_args()
    python, lambdactl = sys.executable, script("lambdactl")
    completion = {
        "_LAMBDACTL_COMPLETE": "bash_complete",
        "COMP_WORDS": "lambdactl in",
        "COMP_CWORD": "1",
    }
    commands = {
        "`python -c pass`": Command([python, "-c", "pass"]),
        "`python -c 'import click'`": Command([python, "-c", "import click"]),
        "`python -c 'import boto3'`": Command([python, "-c", "import boto3"]),
        "`lambdactl --version`": Command([lambdactl, "--version"], check="lambdactl "),
        "`lambdactl --help`": Command([lambdactl, "--help"], check="generate-event"),
        "completion of `lambdactl in`": Command([lambdactl], check="init", env=completion),
        "`lambdactl generate-event s3`": Command([lambdactl, "generate-event", "s3"], check="s3"),
    }
    if options.sam:
        commands["`sam --help`"] = Command([options.sam, "--help"], check="Usage")
        commands["`sam --version`"] = Command([options.sam, "--version"], check="SAM")
    print(machine(), end="\n\n")
    print(summary(in_turn(commands, options.rounds), "`python -c pass`"))


if __name__ == "__main__":
    main()
