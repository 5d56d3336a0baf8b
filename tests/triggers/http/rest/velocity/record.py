"""Records what Velocity 1.7 makes of ``templates.txt`` and JsonPath of ``paths.txt``, in
``recorded.json``.

Needs a JDK and Debian's packages, which it only unpacks, into a folder of its own:

    mkdir /tmp/velocity && cd /tmp/velocity
    apt-get download velocity libcommons-collections3-java libcommons-lang-java \\
        libjsonpath-java libjson-smart-java libasm-java libslf4j-java
    for each in *.deb; do dpkg -x "$each" .; done
    python tests/triggers/http/rest/velocity/record.py /tmp/velocity
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
JARS = "velocity commons-collections3 commons-lang json-path json-smart accessors-smart asm"
JARS += " slf4j-api slf4j-nop"
SEPARATOR = "\n%%\n"
BODY = (
    '{"name":"Bob","n":5,"f":1.5,"l":[1,2,3],"m":{"a":1,"b":"two"},"t":true,"fa":false,"nu":null}'
)
"""Its names are what the templates can refer to."""
STORE = (HERE / "store.json").read_text("utf-8")


def main(packages: Path) -> None:
    jars = packages / "usr" / "share" / "java"
    classpath = ":".join(str(jars / f"{name}.jar") for name in JARS.split())
    templates = (HERE / "templates.txt").read_text("utf-8").split(SEPARATOR)
    paths = (HERE / "paths.txt").read_text("utf-8").splitlines()
    requests = [{"template": each, "body": BODY} for each in templates]
    requests += [{"path": each, "body": STORE} for each in paths]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(
            ["javac", "-nowarn", "-d", folder, "-cp", classpath, HERE / "Oracle.java"], check=True
        )
        done = subprocess.run(
            ["java", "-cp", f"{classpath}:{folder}", "Oracle"],
            input="".join(json.dumps(each) + "\n" for each in requests),
            capture_output=True,
            text=True,
            check=True,
        )
    results = [json.loads(line) for line in done.stdout.splitlines()]
    recorded = [{**request, **result} for request, result in zip(requests, results, strict=True)]
    for each in recorded:
        del each["body"]
    (HERE / "recorded.json").write_text(
        json.dumps(recorded, indent=1, ensure_ascii=False) + "\n", "utf-8"
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
