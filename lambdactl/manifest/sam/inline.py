"""Code that stands in the template itself (``InlineCode``, ``ZipFile``) -> a file that can run.

CloudFormation puts it into a file ``index`` and adds the module ``cfnresponse`` (Python) or
``cfn-response`` (Node.js) for functions behind custom resources:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-lambda-function-code.html
"""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from pathlib import Path

from lambdactl.manifest.document import Node
from lambdactl.manifest.layouts import keep_folder
from lambdactl.manifest.sam.draft import Draft, Fields
from lambdactl.manifest.sam.template import Resource
from lambdactl.manifest.sam.values import made, text_of

HERE = Path(__file__).parent
_SUFFIXES = {"python": ".py", "nodejs": ".js", "ruby": ".rb"}
_MODULES = {"python": "cfnresponse.py", "nodejs": "cfn-response.js"}


def put(draft: Draft, resource: Resource, fields: Fields, inline: Node) -> None:
    """Set ``code`` to the folder of the file that the code is written to."""
    text = text_of(inline)
    if text is None:
        fields.put("code", inline, "InlineCode")
        return
    family = re.sub(r"[^a-z].*", "", resource.text("Runtime") or "")
    suffix = _SUFFIXES.get(family, "")
    if suffix == ".js" and re.search(r"(?m)^(?:import|export)\s", text):
        suffix = ".mjs"
    files = {f"index{suffix}": text}
    module = _MODULES.get(family)
    if module is not None and Path(module).stem in text:
        stored = module if module.endswith(".js") else f"{module}.txt"
        files[module] = (HERE / "modules" / stored).read_text(encoding="utf-8")
    if draft.thorough:
        folder = draft.root / "inline" / resource.key
        draft.files.update({folder / name: content for name, content in files.items()})
    else:
        identity = "\0".join(f"{name}\0{content}" for name, content in sorted(files.items()))
        folder = keep_folder("inline", identity)
        for name, content in files.items():
            _write(folder / name, content)
    fields.put("code", made(draft.path(str(folder)), inline), "InlineCode")


def _write(path: Path, content: str) -> None:
    """Write once: another lambdactl may be running the same file."""
    with contextlib.suppress(OSError):
        if path.read_text(encoding="utf-8") == content:
            return
    handle, name = tempfile.mkstemp(dir=path.parent)
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write(content)
    Path(name).chmod(0o644)
    Path(name).replace(path)
