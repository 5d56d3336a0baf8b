"""Starts a Python runtime under a debugger: `python start.py /path/to/bootstrap.py`.

What follows this file's name is what Python itself would be given: options, then a script or
`-m module`. The runtime runs as it would without a debugger, once a client is there.
"""

import errno
import os
import runpy
import socket
import subprocess
import sys
import time
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

_WITH_VALUE = ("-X", "-W", "--check-hash-based-pycs")


def main():
    options, target = _split(sys.argv[1:])
    if options:
        # A wrapper script has put them before the last word, as AWS's own example does.
        flags = subprocess._args_from_interpreter_flags()
        os.execv(sys.executable, [sys.executable, *flags, *options, __file__, *target])
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        # This folder, put there by Python.
        del sys.path[0]
    host, _, port = os.environ.pop("_LAMBDACTL_DEBUG").rpartition(":")
    _wait_for_client(host, int(port), os.environ.pop("_LAMBDACTL_DEBUGPY", ""))
    _run(target)


def _split(words):
    """The interpreter's options, and the rest."""
    at = 0
    while at < len(words) and words[at].startswith("-") and not words[at].startswith("-m"):
        at += 2 if words[at] in _WITH_VALUE else 1
    return words[:at], words[at:]


def _wait_for_client(host, port, given):
    spec = _find_debugpy(given)
    if spec is None:
        sys.exit(
            "--debug-port needs debugpy: pip install 'lambdactl[debug]', "
            "or add debugpy to the function's own packages"
        )
    # Its warning about frozen modules is about the standard library, where few look for bugs.
    quiet = os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    # Not by the path: a function that has a code.py, say, must not give it to the debugger.
    debugpy = sys.modules["debugpy"] = module_from_spec(spec)
    spec.loader.exec_module(debugpy)
    _wait_for_port(host, port)
    debugpy.listen((host, port))
    if quiet == "1":
        os.environ.pop("PYDEVD_DISABLE_FILE_VALIDATION", None)
    # The words are Node's; lambdactl tells the user when it reads them.
    print(f"Debugger listening on {host}:{port}", file=sys.stderr, flush=True)
    debugpy.wait_for_client()


def _find_debugpy(given):
    """The function's own comes first."""
    task = os.environ.get("LAMBDA_TASK_ROOT", os.getcwd())
    return PathFinder.find_spec("debugpy", [task, *sys.path, *([given] if given else [])])


def _wait_for_port(host, port):
    """The environment before this one may still be going."""
    told = False
    while True:
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((host, port))
                return
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    sys.exit(f"--debug-port {port}: {error.strerror}")
        if not told:
            told = True
            print(f"port {port} is in use; waiting for it", file=sys.stderr, flush=True)
        time.sleep(0.05)


def _run(target):
    if target[0].startswith("-m"):
        words = [target[0][2:], *target[1:]] if target[0] != "-m" else target[1:]
        sys.argv = words
        sys.path.insert(0, os.getcwd())
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    else:
        sys.argv = target
        sys.path.insert(0, os.path.dirname(os.path.abspath(target[0])))
        runpy.run_path(target[0], run_name="__main__")


if __name__ == "__main__":
    main()
