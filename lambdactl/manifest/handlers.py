"""Finds a handler in a function's code by reading it: Python, Node.js and Ruby.

How each runtime splits a handler and looks for its file is what its runtime interface client
does (https://github.com/aws/aws-lambda-python-runtime-interface-client,
https://github.com/aws/aws-lambda-nodejs-runtime-interface-client,
https://github.com/aws/aws-lambda-ruby-runtime-interface-client).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

from lambdactl.errors import did_you_mean

_MAX_SOURCE = 5 * 1024 * 1024


class Files(Protocol):
    """The files of a function's code, by path with slashes."""

    def has(self, path: str) -> bool: ...

    def read(self, path: str) -> str | None:
        """The text of a file; None where it can't be had."""
        ...

    def executable(self, path: str) -> bool: ...

    def beside(self, path: str) -> list[str]:
        """The names of files in the folder of ``path``."""
        ...


class Folder(NamedTuple):
    root: Path

    def has(self, path: str) -> bool:
        return (self.root / path).is_file()

    def read(self, path: str) -> str | None:
        try:
            with open(self.root / path, "rb") as stream:
                data = stream.read(_MAX_SOURCE + 1)
            return data.decode() if len(data) <= _MAX_SOURCE else None
        except (OSError, UnicodeDecodeError):
            return None

    def executable(self, path: str) -> bool:
        return bool((self.root / path).stat().st_mode & 0o111)

    def beside(self, path: str) -> list[str]:
        try:
            return sorted(entry.name for entry in (self.root / path).parent.iterdir())
        except OSError:
            return []


class Archive(NamedTuple):
    path: Path
    modes: dict[str, int]

    def has(self, path: str) -> bool:
        return path in self.modes

    def read(self, path: str) -> str | None:
        import zipfile

        try:
            with zipfile.ZipFile(self.path) as archive:
                if archive.getinfo(path).file_size > _MAX_SOURCE:
                    return None
                return archive.read(path).decode()
        except (OSError, KeyError, zipfile.BadZipFile, RuntimeError, UnicodeDecodeError):
            return None

    def executable(self, path: str) -> bool:
        mode = self.modes[path]
        return mode == 0 or bool(mode & 0o111)

    def beside(self, path: str) -> list[str]:
        folder = path.rpartition("/")[0]
        prefix = f"{folder}/" if folder else ""
        names = (name[len(prefix) :] for name in self.modes if name.startswith(prefix))
        return sorted(name for name in names if "/" not in name)


def open_files(path: Path) -> Files:
    """The files of a folder or a .zip.

    :raises OSError: the archive can't be read.
    """
    if path.is_dir():
        return Folder(path)
    # Most code is a folder, and this import takes longer than looking into one.
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            modes = {entry.filename: entry.external_attr >> 16 for entry in archive.infolist()}
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise OSError(str(error)) from None
    return Archive(path, modes)


class Found(NamedTuple):
    """Where a search ended. ``wanted`` names the file looked for, ``file`` the one found,
    ``name`` what must be in it. ``good``: the handler is there, or may well be."""

    wanted: str
    name: str
    file: str | None = None
    good: bool = False
    hint: str | None = None


def python(files: Files, handler: str) -> Found:
    """``folder/module.function``; dots and slashes both lead into packages."""
    module, _, name = handler.rpartition(".")
    if module.startswith("."):
        return Found(
            f"{module}.py", name, hint="the path counts from `code` and starts with a name"
        )
    path = module.replace(".", "/")
    wanted = f"{path}.py"
    for candidate in (wanted, f"{path}/__init__.py"):
        if files.has(candidate):
            names = python_names(files.read(candidate))
            if names is None or name in names:
                return Found(wanted, name, candidate, good=True)
            functions = [word for word in names if not word.startswith("_")]
            return Found(wanted, name, candidate, hint=_other_name(name, functions))
    stem = path.rpartition("/")[2]
    if any(_is_extension_module(entry, stem) for entry in files.beside(path)):
        return Found(wanted, name, good=True)
    return Found(wanted, name, hint=_other_file(files, path, name, (".py",)))


def _is_extension_module(entry: str, stem: str) -> bool:
    """Compiled modules: ``app.cpython-313-x86_64-linux-gnu.so``, ``app.pyc``."""
    return entry.startswith(f"{stem}.") and entry.endswith((".so", ".pyc", ".pyd"))


_NAMES_BY_OTHER_MEANS = frozenset(
    ("globals", "locals", "vars", "setattr", "exec", "eval", "modules", "import_module")
)
"""Where one of these is used as the module loads, any name may come to be."""


def python_names(source: str | None) -> set[str] | None:
    """The names that a module binds at its top level; None when reading can't tell: it has a
    syntax error, imports ``*``, or makes names as it runs."""
    if source is None:
        return None
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    names: set[str] = set()
    for node in _top_level(tree.body):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            names.add(node.name)
        elif isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
            return None
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif getattr(node, "id", getattr(node, "attr", None)) in _NAMES_BY_OTHER_MEANS:
            return None
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            names.add(node.rest)
    makes_names = any(isinstance(node, ast.Global) for node in ast.walk(tree))
    return None if "__getattr__" in names or makes_names else names


def _top_level(body: Iterable[ast.AST]) -> Iterable[ast.AST]:
    """Nodes that run at the module's top level: not the insides of functions and classes."""
    for node in body:
        yield node
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield from _top_level(node.decorator_list)
        elif not isinstance(node, ast.Lambda):
            yield from _top_level(ast.iter_child_nodes(node))


_JS_EXTENSIONS = ("", ".js", ".mjs", ".cjs", ".ts", ".mts", ".cts")
_JS_COMMENT = r"//[^\n]*|/\*.*?\*/"
_JS_TEXT = r""""(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"""
_JS_NOISE = (
    re.compile(_JS_COMMENT, re.DOTALL),
    # A URL in a string is no comment. Regular expressions with a quote in them mislead this one.
    re.compile(f"(?P<text>{_JS_TEXT})|{_JS_COMMENT}", re.DOTALL),
)
_JS_UNSURE = re.compile(
    r"export\s*\*|module\.exports\s*=\s*(?!\s*\{)|\bexports\s*\[|\.\.\.|Object\.(assign|define)"
    r"|__export|exports\s*=\s*(?!\s*\{)|\beval\b"
)
_JS_EXPORTS = (
    re.compile(r"exports\.([A-Za-z_$][\w$]*)\s*="),
    re.compile(
        r"export\s+(?:async\s+)?(?:function\s*\*?|class|const|let|var)\s+([A-Za-z_$][\w$]*)"
    ),
)
_JS_LISTS = (
    re.compile(r"export\s*\{([^}]*)\}"),
    re.compile(r"exports\s*=\s*\{(.*?)\}\s*;?\s*(?:$|\n)", re.DOTALL),
)
_JS_MORE = re.compile(r"export\s+(?:const|let|var)\s[^;\n]*")
_JS_DECLARED = re.compile(r",\s*([A-Za-z_$][\w$]*)\s*=")
_JS_NAME = re.compile(r"[A-Za-z_$][\w$]*")


def nodejs(files: Files, handler: str) -> Found:
    """``folder/file.export``: the file is what stands before the first dot of the last part."""
    folder, slash, last = handler.rpartition("/")
    stem, _, name = last.partition(".")
    path = f"{folder}{slash}{stem}"
    wanted = f"{path}.js, .mjs or .cjs"
    export = name.split(".")[0]
    for extension in _JS_EXTENSIONS:
        if files.has(path + extension):
            names = javascript_names(files.read(path + extension), export)
            if names is None or export in names:
                return Found(wanted, export, path + extension, good=True)
            hint = _other_name(export, names) or "export it"
            return Found(wanted, export, path + extension, hint=hint)
    return Found(wanted, export, hint=_other_file(files, path, name, (".js", ".mjs", ".cjs")))


def javascript_names(source: str | None, wanted: str) -> set[str] | None:
    """The names that a module exports; None when reading can't tell. What is a comment is judged
    in two ways, and what one of them leaves counts: better a name too many than one missed."""
    if source is None:
        return None
    bare, with_text = _JS_NOISE
    texts = (bare.sub(" ", source), with_text.sub(lambda match: match["text"] or " ", source))
    names: set[str] = set()
    for text in texts:
        if _JS_UNSURE.search(text):
            return None
        names.update(match for pattern in _JS_EXPORTS for match in pattern.findall(text))
        for statement in _JS_MORE.findall(text):
            names.update(_JS_DECLARED.findall(statement))
        for pattern in _JS_LISTS:
            for inside in pattern.findall(text):
                names.update(_JS_NAME.findall(inside))
    if not names and any(re.search(rf"\b{re.escape(wanted)}\b", text) for text in texts):
        return None
    return names


_RUBY_DEF = re.compile(r"\bdef\s+(?:self\.)?([A-Za-z_]\w*[?!]?)")
_RUBY_UNSURE = re.compile(r"\b(require_relative|load|eval|include|extend|define_method|alias)\b")


def ruby(files: Files, handler: str) -> Found:
    """``folder/file.method`` or ``folder/file.Class.method``."""
    path, _, rest = handler.partition(".")
    name = rest.rpartition(".")[2]
    wanted = f"{path}.rb"
    if not files.has(wanted):
        return Found(wanted, name, hint=_other_file(files, path, rest, (".rb",)))
    source = files.read(wanted)
    names = set(_RUBY_DEF.findall(source or ""))
    if source is None or name in names or _RUBY_UNSURE.search(source):
        return Found(wanted, name, wanted, good=True)
    return Found(wanted, name, wanted, hint=_other_name(name, names))


def _other_name(name: str, names: Iterable[str]) -> str | None:
    names = sorted(names)
    close = did_you_mean(name, names)
    if close:
        return close
    usual = [word for word in USUAL_NAMES if word in names]
    return f"did you mean `{usual[0]}`?" if usual else None


def _other_file(files: Files, path: str, name: str, extensions: tuple[str, ...]) -> str | None:
    """A file of the same language with a similar name; or the only one there is."""
    folder = path.rpartition("/")[0]
    stems = [
        entry[: -len(extension)]
        for entry in files.beside(path)
        for extension in extensions
        if entry.endswith(extension)
    ]
    close = did_you_mean(path.rpartition("/")[2], stems)
    stem = close.split("`")[1] if close else stems[0] if len(stems) == 1 else None
    if stem is None:
        return "the path counts from `code`" if not stems else None
    return f"did you mean `{folder + '/' if folder else ''}{stem}.{name}`?"


USUAL_NAMES = ("handler", "lambda_handler", "main")
"""What a handler is called where nobody says."""

Finder = Callable[[Files, str], Found]

FINDERS: dict[str, Finder] = {
    "python": python,
    "nodejs": nodejs,
    "ruby": ruby,
}
