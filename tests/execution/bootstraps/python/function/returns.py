"""What a handler can return."""

# ruff: noqa

import collections
import dataclasses
import datetime
import decimal
import enum
import sys
import uuid


class Color(enum.Enum):
    RED = "red"


class Size(enum.IntEnum):
    BIG = 3


class Word(str, enum.Enum):
    YES = "yes"


class Celsius(float):
    def __repr__(self):
        return "warm"


class Count(int):
    def __repr__(self):
        return "many"

    __str__ = __repr__


class Text(str):
    def __str__(self):
        return "other"


class Shouting(dict):
    def items(self):
        return [(key.upper(), value) for key, value in super().items()]


class Row(list):
    pass


class Record:
    def _asdict(self):
        return {"a": Point(1, None)}


class BrokenRecord:
    def _asdict(self):
        raise TypeError("no")


class WrongRecord:
    def _asdict(self):
        return [1]


class FailingRecord:
    def _asdict(self):
        raise LookupError("not now")


class DecimalPair(decimal.Decimal):
    pass


class Evasive:
    def __getattr__(self, name):
        return 1


Point = collections.namedtuple("Point", "x y")


@dataclasses.dataclass
class Item:
    name: str


def _deep(levels):
    value = []
    for _ in range(levels):
        value = [value]
    return value


def _circle():
    circle = [1]
    circle.append({"again": circle})
    return circle


def _knot():
    knot = {}
    knot["knot"] = knot
    return knot


async def _later():
    return 1


def _generator():
    yield 1


VALUES = {
    "none": lambda: None,
    "true": lambda: True,
    "false": lambda: False,
    "zero": lambda: 0,
    "minus_zero": lambda: -0.0,
    "large_int": lambda: -(2**70),
    "huge_int": lambda: 10**5000,
    "floats": lambda: [0.1, 1e100, 1e-7, 1.0, 123456789012345680.0, 5e-324],
    "not_a_number": lambda: [float("nan"), float("inf"), float("-inf")],
    "text": lambda: "hello",
    "unicode": lambda: "Grüße, 世界, 🎉",
    "control_characters": lambda: "".join(map(chr, range(32))) + '\x7f"\\/\u2028\u2029\x80',
    "empty": lambda: {"list": [], "dict": {}, "text": "", "tuple": ()},
    "list": lambda: [1, "a", None, True, [2, [3]]],
    "tuple": lambda: (1, ("a", ())),
    "http_response": lambda: {
        "statusCode": 200,
        "headers": {"content-type": "text/plain"},
        "body": "hi",
    },
    "keys": lambda: {1: "int", 1.5: "float", True: "bool", None: "none", "s": "str", -2: "minus"},
    "odd_keys": lambda: {float("nan"): 1, float("inf"): 2, 1e22: 3, Size.BIG: 4, Word.YES: 5},
    "bytes_key": lambda: {b"\xc3\xa9": 1},
    "tuple_key": lambda: {(1, 2): 3},
    "tuple_key_deep": lambda: {"a": [{(1,): set()}]},
    "decimal_key": lambda: {decimal.Decimal("1.0"): 1},
    "count_key": lambda: {Count(7): 1, Celsius(1.5): 2},
    "set": lambda: {1},
    "frozenset_deep": lambda: {"a": [frozenset()]},
    "bytes": lambda: b"\x00raw\xff",
    "empty_bytes": lambda: b"",
    "bytes_deep": lambda: {"a": [b"caf\xc3\xa9", b""]},
    "bytes_deep_not_text": lambda: [b"\xff"],
    "bytearray": lambda: bytearray(b"a"),
    "memoryview": lambda: [memoryview(b"a")],
    "decimal": lambda: decimal.Decimal("1.10"),
    "decimals": lambda: [
        decimal.Decimal(text)
        for text in ("0", "-0", "1E+3", "1E-10", "12345678901234567890.123456789", "-7")
    ],
    "decimal_not_finite": lambda: [
        decimal.Decimal(text) for text in ("NaN", "-NaN", "sNaN", "Infinity", "-Infinity")
    ],
    "decimal_subclass": lambda: {"a": DecimalPair("2.50")},
    "named_tuple": lambda: Point(1, [Point("a", "b")]),
    "named_tuple_empty": lambda: {"a": collections.namedtuple("Empty", "")()},
    "as_dict": lambda: [Record()],
    "as_dict_broken": lambda: [BrokenRecord()],
    "as_dict_wrong": lambda: [WrongRecord()],
    "as_dict_failing": lambda: [FailingRecord()],
    "evasive": lambda: [Evasive()],
    "dataclass": lambda: Item("a"),
    "enum": lambda: Color.RED,
    "enums": lambda: [Size.BIG, Word.YES, {"a": Size.BIG}],
    "subclasses": lambda: [Celsius(36.6), Count(5), Text("text"), Row([1]), Row(), Shouting(a=1)],
    "subclass_not_a_number": lambda: [Celsius("nan"), Celsius("-inf")],
    "ordered_dict": lambda: collections.OrderedDict([("b", 1), ("a", Count(2))]),
    "default_dict": lambda: collections.defaultdict(list, a=[1]),
    "counter": lambda: collections.Counter("aab"),
    "deque": lambda: collections.deque([1]),
    "datetime": lambda: {"at": datetime.datetime(2026, 1, 2)},
    "uuid": lambda: uuid.UUID(int=5),
    "exception": lambda: ValueError("returned"),
    "class": lambda: int,
    "complex": lambda: 1j,
    "ellipsis": lambda: ...,
    "module": lambda: sys,
    "code": lambda: (lambda: 0).__code__,
    "generator": _generator,
    "coroutine": _later,
    "range": lambda: range(3),
    "dict_view": lambda: {"a": 1}.keys(),
    "circle": _circle,
    "knot": _knot,
    "twice_the_same": lambda: [[1]] * 3 + [Count(1)],
    "deep": lambda: _deep(400),
    "deep_odd": lambda: [_deep(700), Count(1)],
    "too_deep": lambda: _deep(200000),
    "large": lambda: {"body": "x" * 1000000, "more": ["é" * 1000] * 100},
}


def value(event, context):
    return VALUES[event["name"]]()
