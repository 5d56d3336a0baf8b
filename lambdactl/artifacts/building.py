"""A function's build step: commands of the user's, run as in a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shlex
import signal
from collections.abc import Mapping
from pathlib import Path

from lambdactl.errors import BuildError
from lambdactl.manifest.features import Build

MAX_OUTPUT = 256 * 1024
"""Bytes of a build's output that are kept; the end says what went wrong."""

_PATIENCE_S = 0.3
_NOT_INSTALLED = re.compile(rb'npx canceled due to missing packages and no YES option: \["([^"@]+)')


async def run(build: Build, *, shell: Mapping[str, str] | None = None) -> bytes:
    """Run the commands of ``build`` one after the other; returns what they printed.

    Cancelled, it leaves no process behind.

    :param shell: the user's environment, which a build sees as a whole: it is the user's own tool
        and no function.
    :raises BuildError: one failed.
    """
    env = {**(os.environ if shell is None else shell), **build.environment}
    output = b""
    for command in build.commands:
        try:
            process = await _start(command, build.folder, env)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise BuildError(f"can't build in {build.folder}: {reason}", b"") from None
        try:
            assert process.stdout is not None
            # To the end of the output, not of the shell: what it has left running may still write.
            while data := await process.stdout.read(65536):
                output = (output + data)[-MAX_OUTPUT:]
            code = await process.wait()
        except asyncio.CancelledError:
            await _end(process)
            raise
        if code != 0:
            how = f"ended with {code}" if code > 0 else f"was ended by {signal.Signals(-code).name}"
            raise BuildError(
                f"the build failed: `{command}` {how}", output, hint=_hint(output, build.folder)
            )
    return output


async def _start(command: str, folder: Path, env: Mapping[str, str]) -> asyncio.subprocess.Process:
    starting = asyncio.ensure_future(
        asyncio.create_subprocess_shell(
            command,
            cwd=folder,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    )
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # It may have started others by now. asyncio would end it alone, and not them.
        await _end(await starting)
        raise


def _hint(output: bytes, folder: Path) -> str | None:
    found = _NOT_INSTALLED.search(output)
    if found is None:
        return None
    name = found[1].decode("utf-8", "replace")
    return f"npm install --prefix {shlex.quote(str(folder))} --save-dev {name}"


async def _end(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        # Not asyncio.timeout: up to Python 3.11.3 it never times out in a task that is cancelled.
        await asyncio.wait([asyncio.ensure_future(process.wait())], timeout=_PATIENCE_S)
