"""Run AWS's own clients through all cases: record what they do, or show how ours differ.

By hand, where the clients are there (docs/decisions/node-bootstrap.md says how they were made):

    python -m tests.execution.bootstraps.record_aws node CLASSIC/managed.mjs MODERN/index.mjs
    python -m tests.execution.bootstraps.record_aws ruby \\
        "--disable-error_highlight --disable-did_you_mean aws_lambda_ric.rb"

CLASSIC is aws-lambda-ric 3.x, MODERN 4.x, each with its rapid-client.node; managed.mjs calls
``run(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER)`` as Lambda's managed runtimes do. The
flags of Ruby give the messages of Ruby 3.2 and later on an older one.
"""

from __future__ import annotations

import argparse
import json
import shlex
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.execution.bootstraps.node.cases import NODE
from tests.execution.bootstraps.ruby.cases import RUBY
from tests.execution.bootstraps.transcripts import Step

LANGUAGES = {"node": NODE, "ruby": RUBY}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("language", choices=LANGUAGES)
    parser.add_argument("client", nargs="+", help="one for each generation, oldest first")
    parser.add_argument("--only", default="", help="a part of the names")
    options = parser.parse_args()
    language = LANGUAGES[options.language]
    file = Path(__file__).parent / options.language / "aws_transcripts.json"
    everything = language.runs()
    runs = {name: run for name, run in everything.items() if options.only in name}
    generations = sorted({generation for _, generation in everything.values()})
    clients = dict(zip(generations, options.client, strict=True))

    def record(name: str) -> list[Step]:
        case, generation = runs[name]
        command = [options.language, *shlex.split(clients[generation])]
        return language.transcript(command, case, generation, linger_s=0.4, exit_patience_s=0.4)

    # Most of the time goes into waiting for what does not come.
    with ThreadPoolExecutor(3) as pool:
        found = dict(zip(runs, pool.map(record, runs), strict=True))
    kept = json.loads(file.read_text()) if file.exists() and options.only else {}
    kept = {name: steps for name, steps in kept.items() if name in everything}
    lines = [f"{json.dumps(n)}: {json.dumps(s)}" for n, s in sorted({**kept, **found}.items())]
    file.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"{len(found)} of {len(lines)} recorded in {file}")


if __name__ == "__main__":
    main()
