"""Artifacts of small zips, without a build."""

from __future__ import annotations

import base64
import hashlib
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from lambdactl.artifacts.model import Artifact


def artifact_of(folder: Path, name: str, text: str, **more: Any) -> Artifact:
    """An artifact whose content is ``text``; ``more`` are fields of it."""
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("app.py"), text)
    data = file.getvalue()
    path = folder / f"{hashlib.sha256(data).hexdigest()}.zip"
    path.write_bytes(data)
    sha256 = base64.b64encode(hashlib.sha256(data).digest()).decode()
    given: dict[str, Any] = {
        "kind": "function",
        "runtime": "python3.13",
        "size": len(data),
        "unzipped": len(text),
        **more,
    }
    return Artifact(name=name, sha256=sha256, path=path, **given)
