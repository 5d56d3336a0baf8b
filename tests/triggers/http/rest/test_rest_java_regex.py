"""Java's regular expressions, as selection patterns and templates have them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.triggers.http.rest.java_regex import compiled, replacement


# https://docs.oracle.com/javase/8/docs/api/java/util/regex/Pattern.html
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("pattern", "matches", "misses"),
    [
        ("2\\d{2}", "204", "2\u0660\u0664"),
        (".*Malformed.*", "a Malformed b", "two\nMalformed"),
        ("(\n|.)+", "two\nlines", ""),
        ("(?s).*b", "a\nb", "a\nc"),
        ("(?i)error", "ErRoR", "terror"),
        ("\\p{Alpha}+", "abC", "é"),
        ("[\\p{Digit}x]+", "12x", "y"),
        ("\\P{Alpha}+", "12", "a"),
        ("\\p{L}+", "é", "1"),
        ("\\p{Lu}\\p{Ll}", "Ab", "ab"),
        ("\\Qa.b\\E+", "a.bb", "axb"),
        ("(?<code>\\d+):\\k", "", "1"),
        ("a++b", "aab", "aa"),
        ("\\w+\\z", "ab_1", "é"),
        ("a\\R", "a\r\n", "a"),
        ("a\\h+b", "a \tb", "ab"),
        ("[+--]", ",", "x"),
    ],
)
def test_patterns(pattern: str, matches: str, misses: str) -> None:
    if not matches:
        with pytest.raises(ValueError, match="no regular expression"):
            compiled(pattern)
        return
    assert compiled(pattern).fullmatch(matches)
    assert not compiled(pattern).fullmatch(misses)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("pattern", ["[a[b]]", "[a-z&&[^b]]", "[a&&b]"])
def test_what_python_has_no_words_for_is_said(pattern: str) -> None:
    with pytest.raises(ValueError, match="sets within sets"):
        compiled(pattern)


@pytest.mark.parametrize(
    ("pattern", "by", "text", "result"),
    [
        ("(a)(b)", "$2$1", "ab", "ba"),
        ("(a)", "$10", "a", "a0"),
        ("(?<x>a)", "[${x}]", "a", "[a]"),
        ("a", "\\$1", "a", "$1"),
        ("a", "\\\\", "a", "\\"),
        ("\\\\'", "'", "it\\'s", "it's"),
        ("a", "\\n", "a", "n"),
    ],
)
def test_replacements(pattern: str, by: str, text: str, result: str) -> None:
    assert compiled(pattern).sub(replacement(pattern, by), text) == result


@pytest.mark.parametrize("by", ["$1", "$", "a$b", "\\", "${nope}"])
def test_replacements_that_java_refuses(by: str) -> None:
    with pytest.raises((ValueError, IndexError)):
        compiled("a").sub(replacement("a", by), "a")


@given(st.text(alphabet="ab\\[](){}?*+|^$.,<>:=!-pPQEdwszRhk0123LuAlpha", max_size=15))
def test_any_text_is_a_pattern_or_a_value_error(pattern: str) -> None:
    with suppress(ValueError):
        compiled(pattern)
