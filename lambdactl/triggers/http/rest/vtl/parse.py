"""Template text to nodes, with the habits of Velocity 1.7's own parser.

Which blanks and line ends a directive takes with it, what a backslash escapes and which ``$`` and
``#`` are plain text was found out by giving Velocity 1.7 templates to render
(docs/decisions/0002-vtl.md). The language: https://velocity.apache.org/engine/1.7/vtl-reference.html.
"""

from __future__ import annotations

import re

from lambdactl.triggers.http.rest.vtl.errors import VtlError
from lambdactl.triggers.http.rest.vtl.expressions import DOUBLE, REFERENCE, SINGLE, Expressions
from lambdactl.triggers.http.rest.vtl.nodes import (
    Block,
    Break,
    Define,
    Expression,
    Fails,
    Foreach,
    If,
    Node,
    Property,
    Reference,
    Set,
    Stop,
    Text,
)

_PLAIN = re.compile(r"[^$#\\]+")
_BLANKS = re.compile(r"[ \t]*")
_BACKSLASHES = re.compile(r"\\+")
_WORD = re.compile(r"#(?:\{([A-Za-z][A-Za-z0-9_-]*)\}|([A-Za-z][A-Za-z0-9_-]*))")
_SET = re.compile(r"#(?:\{set\}|set)[ \t]*\(")
_IN = re.compile(r"in\b")
_OPEN = re.compile(r"\s*\(")
_LITERAL_TEXT = re.compile(r"#\[\[(.*?)\]\]#", re.DOTALL)
_END = re.compile(r"#(?:\{end\}|end(?![A-Za-z0-9_-]))")

_DIRECTIVES = frozenset(
    {
        "break",
        "define",
        "else",
        "elseif",
        "end",
        "foreach",
        "if",
        "include",
        "literal",
        "macro",
        "parse",
        "set",
        "stop",
    }
)
"""``#evaluate`` is text to API Gateway, and so is the call of a macro; a macro's definition
vanishes."""


def _ends_in_property(nodes: list[Node], before: str) -> bool:
    """Whether the text so far ends in ``$name.property``, without braces."""
    last = nodes[-1] if nodes else None
    if not isinstance(last, Reference) or before == "}":
        return False
    return bool(last.steps) and isinstance(last.steps[-1], Property)


def parse(text: str) -> Block:
    """The nodes of a template.

    :raises VtlError: it is no template; the message has the line and the column.
    """
    try:
        return _Parser(text).template()
    except RecursionError:
        raise VtlError("the template is nested too deeply") from None


class _Parser(Expressions):
    def template_within(self, text: str, line: int) -> Block:
        return _Parser(text, nested=True, line=line).template()

    # --- Text and directives -----------------------------------------------------------------

    def template(self) -> Block:
        nodes, word = self.block()
        if word:
            self.fail(f"#{word} without the directive it belongs to", back=len(word) + 1)
        return nodes

    def block(self) -> tuple[Block, str]:
        """Nodes up to ``#end``, ``#else`` or ``#elseif`` (which is passed by and returned), or up
        to the end (``""``)."""
        nodes: list[Node] = []
        text = self.text
        while self.at < len(text):
            sign = text[self.at]
            if sign == "$":
                nodes.append(self.dollar())
            elif sign == "\\":
                nodes.append(Text(self.backslashes()))
            elif sign != "#":
                plain = _PLAIN.match(text, self.at)
                assert plain is not None
                self.at = plain.end()
                # Blanks before #set are part of it, unless other text is before them.
                if plain[0].strip(" \t") or not _SET.match(text, self.at):
                    nodes.append(Text(plain[0]))
            elif text.startswith("##", self.at):
                if _ends_in_property(nodes, text[self.at - 1]):
                    # Velocity 1.7 sees no comment here: `$item.name## text`.
                    nodes.append(Text("##"))
                    self.at += 2
                    continue
                end = text.find("\n", self.at)
                self.at = len(text) if end < 0 else end + 1
            elif text.startswith("#*", self.at):
                end = text.find("*#", self.at + 2)
                self.at = len(text) if end < 0 else end + 2
            elif raw := _LITERAL_TEXT.match(text, self.at):
                nodes.append(Text(raw[1]))
                self.at = raw.end()
            else:
                node = self.hash()
                if isinstance(node, str):
                    return tuple(nodes), node
                if node is not None:
                    nodes.append(node)
        return tuple(nodes), ""

    def backslashes(self) -> str:
        """An odd backslash before a reference or a directive makes text of it; of an even number
        half are left. Anywhere else they are text."""
        found = _BACKSLASHES.match(self.text, self.at)
        assert found is not None
        self.at = found.end()
        halves, odd = divmod(len(found[0]), 2)
        if reference := REFERENCE.match(self.text, self.at):
            if odd:
                start = self.at
                self.reference(reference)
                return "\\" * halves + self.text[start : self.at]
            return "\\" * halves
        word = _WORD.match(self.text, self.at)
        if not word:
            return found[0]
        if (word[1] or word[2]) not in _DIRECTIVES:
            self.at = word.end()
            return found[0] + word[0]
        if odd:
            self.at = word.end()
            return "\\" * halves + word[0]
        # Before #set, backslashes are never halved.
        return found[0] if (word[1] or word[2]) == "set" else "\\" * halves

    def dollar(self) -> Node:
        found = REFERENCE.match(self.text, self.at)
        if found:
            return self.reference(found)
        start = self.at
        self.at += 2 if self.text.startswith("$!", start) else 1
        if self.at >= len(self.text) and not self.nested:
            self.fail("the template ends with a $", back=1)
        return Text(self.text[start : self.at])

    def hash(self) -> Node | str | None:
        """A directive; the word of one that ends a block; None for one that leaves nothing."""
        text, start = self.text, self.at
        found = _WORD.match(text, start)
        if not found:
            self.at += 1
            if self.at >= len(text) and not self.nested:
                self.fail("the template ends with a #", back=1)
            return Text("#")
        word = found[1] or found[2]
        self.at = found.end()
        if word not in _DIRECTIVES or (word == "set" and not _SET.match(text, start)):
            return Text(self.unknown(start))
        if word in ("end", "else"):
            self.line_end()
            return word
        if word == "elseif":
            return word
        if word == "stop":
            return Stop()
        if word == "break":
            return Break()
        if word in ("include", "parse"):
            return Fails(f"#{word} has nothing to read from in API Gateway")
        if not (opened := _OPEN.match(text, self.at)):
            self.fail(f"#{word} wants ( here")
        self.at = opened.end()
        return self.directive(word)

    def directive(self, word: str) -> Node | None:
        """What stands behind ``#word(``."""
        if word == "set":
            self.space()
            braced = self.text.startswith(("${", "$!"), self.at)
            target = self.expect_reference()
            self.space()
            self.expect("=")
            value = self.expression()
            self.close()
            # Velocity 1.7 forgets what is set to ${name} or $!name.
            return None if braced and not target.steps else Set(target, value)
        if word == "if":
            return self.condition()
        if word == "foreach":
            self.space()
            loop = self.expect_reference()
            self.space()
            if not _IN.match(self.text, self.at):
                self.fail("#foreach wants `in` here")
            self.at += 2
            items = self.expression()
            self.close()
            return Foreach(loop.root, items, self.body(word))
        if word == "define":
            self.space()
            block = self.expect_reference()
            self.close()
            return Define(block.root, self.body(word))
        end = self.text.find(")", self.at)
        if end < 0:
            self.fail(f"#{word} wants ) somewhere")
        self.at = end
        self.close()
        if word == "macro":
            self.body(word)
            return None
        found = _END.search(self.text, self.at)
        if not found:
            self.fail(f"#{word} has no #end")
        raw = self.text[self.at : found.start()]
        self.at = found.end()
        self.line_end()
        return Text(raw)

    def condition(self) -> If:
        branches: list[tuple[Expression, Block]] = []
        while True:
            test = self.expression()
            self.close()
            body, word = self.block()
            branches.append((test, body))
            if word == "elseif":
                if not (opened := _OPEN.match(self.text, self.at)):
                    self.fail("#elseif wants ( here")
                self.at = opened.end()
                continue
            if word == "else":
                return If(tuple(branches), self.body("if"))
            if word == "end":
                return If(tuple(branches), ())
            self.fail("#if has no #end")

    def body(self, word: str) -> Block:
        nodes, end = self.block()
        if end != "end":
            self.fail(
                f"#{word} has #{end} where its #end should be" if end else f"#{word} has no #end"
            )
        return nodes

    def unknown(self, start: int) -> str:
        """``#name`` that means nothing is text, and so are its arguments."""
        if opened := _OPEN.match(self.text, self.at):
            self.at = opened.end()
            depth = 1
            while depth:
                if self.at >= len(self.text):
                    self.fail("( without )")
                quoted = DOUBLE.match(self.text, self.at) or SINGLE.match(self.text, self.at)
                if quoted:
                    self.at = quoted.end()
                    continue
                depth += {"(": 1, ")": -1}.get(self.text[self.at], 0)
                self.at += 1
        return self.text[start : self.at]
