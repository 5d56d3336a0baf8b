"""Velocity templates, against what Velocity 1.7 and API Gateway were seen to do."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdactl.triggers.http.rest.json_smart import loads
from lambdactl.triggers.http.rest.vtl import JsonArray, VtlError, compiled
from tests.triggers.http.rest.velocity.record import BODY

RECORDED = json.loads((Path(__file__).parent / "velocity" / "recorded.json").read_text("utf-8"))
TEMPLATES = [
    each
    for each in RECORDED
    # Templates that need $input and $util are rendered in test_rest_mapping.py.
    if "template" in each and "$input" not in each["template"] and "$util" not in each["template"]
]


def _java(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _java(item) for name, item in value.items()}
    return JsonArray(map(_java, value)) if isinstance(value, list) else value


def render(template: str, **names: Any) -> str:
    return compiled(template).render(names)


def names() -> dict[str, Any]:
    return _java(loads(BODY))


@pytest.mark.parametrize("each", TEMPLATES, ids=lambda each: each["template"][:40])
def test_renders_as_velocity_1_7_does(each: dict[str, str]) -> None:
    if "error" in each:
        with pytest.raises(VtlError):
            compiled(each["template"]).render(names())
    else:
        assert compiled(each["template"]).render(names()) == each["out"]


# Recorded from API Gateway itself: tests/test_templating.snapshot.json of
# https://github.com/localstack/airspeed.
@pytest.mark.parametrize(
    ("template", "given", "out"),
    [
        ("Hello $name", {}, "Hello "),
        ("Hello $!name", {}, "Hello "),
        ("#if(${a.b.c})yes!#end", {"a": {"b": {"c": False}}}, ""),
        ("#if(${a.b.c})yes!#end", {}, "yes!"),
        ("#if ($some_value)hide me#end", {"some_value": None}, "hide me"),
        ("#if ($value) true #else false #end", {}, " true "),
        ("#if($value)true#{end}monkey", {}, "truemonkey"),
        ("#if ( !$value )yes#end", {"value": None}, ""),
        ("## comment\nStuff\nMore stuff## more $blah", {}, "Stuff\nMore stuff"),
        ("Stuff#*\n more comments *#\n and more", {}, "Stuff\n and more"),
        ('#set ($name = "\\\\batman\\nand robin")$name', {}, "\\\\batman\\nand robin"),
        ('#set($d = "{""a"": 2}")$d', {}, '{"a": 2}'),
        ("#define ( $hello)hi#end$hello()$hello()", {}, "hi()hi()"),
        (
            "#define( $f )$c#end\n#set( $c = 'foo' )\n$f\n#set( $c = 'bar' )\n$f\n",
            {},
            "foo\nbar\n",
        ),
        ("\n#macro ( blah )\nhello##\n#end\n#blah()", {}, "\n#blah()"),
        ("#set($v = {})#set($i = $v.put('foo', 'bar'))#return($v)", {}, "#return($v)"),
        ("hello #stop world", {}, "hello "),
        ("$a.b.c['foo:bar']", {"a": {"b": {"c": {"foo:bar": "baz"}}}}, "baz"),
        ("#set( $o = $d.put('k', 'new') )$o - $d.k", {"d": {"k": "old"}}, "old - new"),
        ("#set( $o = $d.putAll({'k1': 'v3'}))$d.k1", {"d": {"k1": "v1"}}, "v3"),
        ("#set($d = {})#set($d['bar'] = 'foo')$d", {}, "{bar=foo}"),
        ("#set($a = ['one', 'two'])#set($a[1] = 'foo')$a", {}, "[one, foo]"),
        ('#set( $m = {} )#set($i = $m.put(\'k\', null))#if("$m.k" == "")no#end', {}, "no"),
        ("#set( $s = '2020-01-20' )$s.matches('^\\d{4}-\\d{2}-\\d{2}$')", {}, "true"),
        ("#set($x = .5*.1)$x", {}, "0.05"),
        ("#set($a = 100.0 / 50)$a", {}, "2.0"),
        ("#foreach( $v in [5..-2] )$v,#end", {}, "5,4,3,2,1,0,-1,-2,"),
        ("#foreach ($i in [1, 2, 3])$i#if ($velocityHasNext),#end#end", {}, "1,2,3"),
    ],
)
def test_renders_as_api_gateway_was_recorded(
    template: str, given: dict[str, Any], out: str
) -> None:
    assert render(template, **given) == out


def test_a_loop_ends_after_a_thousand_rounds() -> None:
    # "Maximum number of iterations in a #foreach ... #end loop in mapping templates: 1,000"
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
    assert len(render("#foreach($i in [1..1200])x#end")) == 1000


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("one\ntwo #if(", "line 2, column 9: a value is wanted here"),
        ("#if(true)x", "#if has no #end"),
        ("x#end", "line 1, column 2: #end without the directive it belongs to"),
        ("$!{name", "} is wanted here"),
        ("cost: $", "the template ends with a $"),
        ("#set($x 1)", "= is wanted here"),
        ("#foreach($x of $y)#end", "#foreach wants `in` here"),
        ("#parse('x.vm')", "#parse has nothing to read from"),
        ("$name.substring(9)", "line 1: substring() failed: begin 9, end 3, length 3"),
        ("\n$l[3]", "line 2: a list of 3 has no element 3"),
        ("$l.get(3)", "a list of 3 has no element 3"),
        ('#set($I = 0)$I.parseInt("x")', 'parseInt() failed: For input string: "x"'),
        ("$name.matches('[')", "is no regular expression"),
        ("#define($d)$d#end$d", "the template goes too deep"),
        ("#set($x = [])#set($y = $x.add($x))$x", "the template goes too deep"),
        ("(" * 3 + "#if(" + "(" * 5000, "nested too deeply"),
        ("#set($x = [1..99999999])", "too long"),
    ],
)
def test_says_what_is_wrong_with_a_template(template: str, words: str) -> None:
    with pytest.raises(VtlError) as caught:
        compiled(template).render(names())
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("expression", "out"),
    [
        ('$s.split(",").size()', "3"),
        ('$s.split(",", -1).size()', "5"),
        ('$s.split(",", 2)[1]', "b,c,,"),
        ('$s.replaceAll("([a-z]),", "$1;")', "a;b;c;,"),
        ('$s.replaceFirst(",", "-")', "a-b,c,,"),
        ('$s.compareTo("b")', "-1"),
        ('#set($b = "Bob")$b.hashCode()', "66965"),
        ('$s.indexOf("c", 2) $s.lastIndexOf(",")', "4 6"),
        ('$s.equalsIgnoreCase("A,B,C,,")', "true"),
        ("$s.toUpperCase().substring(0, 3)", "A,B"),
        ("$m.getOrDefault('x', 7) $m.containsKey('a') $m.containsValue(1)", "7 true true"),
        ("$m.keySet().contains('a') $m.values() $m.entrySet()", "true [1] [a=1]"),
        ("$l.indexOf(2) $l.contains(2.0) $l.remove(0) $l", "1 false 1 [2, 3]"),
        ("$l.set(0, 'x') $l.addAll([8, 9]) $l.subList(2, 5)", "1 true [3, 8, 9]"),
        ("$big.longValue() $d $tiny $nan.foo", "12345678901 1.0E10 1.0E-4 "),
        ("$t.equals(true) $t.toString().length()", "true 4"),
        ("$s.getClass() $s.class $s.__class__ $s.format_map($m) $s.__len__()", "    "),
    ],
)
def test_methods_of_java(expression: str, out: str) -> None:
    given = {
        "s": "a,b,c,,",
        "m": {"a": 1},
        "l": [1, 2, 3],
        "big": 12345678901,
        "d": 1e10,
        "tiny": 0.0001,
        "t": True,
    }
    assert render(expression, **given) == out


_PIECES = [
    "$", "$!", "${", "}", "#", "##", "#*", "*#", "#[[", "]]#", "\\", "(", ")", "[", "]", "{", ":",
    ",", ".", "..", '"', "'", " ", "\n", "name", "$name", "$l", "$m", "$n", "#if(", "#else",
    "#elseif(", "#end", "#set($x = ", "#foreach($i in ", "#define($d)", "#stop", "#break", "#foo(",
    "true", "null", "1", "-2", "1.5", "==", "&&", "!", "+", "/", "%", ".size()", ".get(0)",
    ".substring(", ".put(", ".split(", "é", "\x00", "\U0001f600",
]  # fmt: skip


@given(st.lists(st.one_of(st.sampled_from(_PIECES), st.text(max_size=3)), max_size=25))
def test_any_text_renders_or_is_an_error_of_ours(pieces: list[str]) -> None:
    with suppress(VtlError):
        compiled("".join(pieces)).render(names())


@given(st.text(alphabet=st.characters(exclude_characters="$#\\")))
def test_text_without_signs_stays_as_it_is(text: str) -> None:
    assert render(text) == text


@given(st.floats())
def test_a_double_is_written_so_that_it_reads_back(number: float) -> None:
    written = render("$x", x=number)
    if number == number and abs(number) != float("inf"):
        assert float(written.replace("E", "e")) == number
        assert "." in written


_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
_CALLS = st.sampled_from(
    [
        "$x.get($y)", "$x[$y]", "$x.contains($y)", "$x.equals($y)", "$x.indexOf($y)",
        "$x.put($y, $x)", "$x.remove($y)", "$x.split($y)", "$x.replaceAll($y, $y)",
        "$x.substring($y)", "$x.add($y)", "$x.subList($y, 2)", "$x.compareTo($y)", "$x.charAt($y)",
        "#if($x == $y)a#end", "#if($x > $y)a#end", "#set($z = $x + $y)$z", "#set($z = $x / $y)$z",
        "#foreach($i in $x)$i#end", "#set($x[$y] = 1)$x", "$x.keySet() $x.size() $x.hashCode()",
        "#foreach($i in [$x..$y])x#end", "$x.matches($y)", "$x.intValue() $x.toString()",
    ]
)  # fmt: skip


@given(_CALLS, _VALUES, _VALUES)
def test_any_values_render_or_are_an_error_of_ours(call: str, x: Any, y: Any) -> None:
    with suppress(VtlError):
        render(call, x=x, y=y)
