"""How a handler can fail."""

# ruff: noqa

import helper


class Custom(Exception):
    pass


class Outer:
    class Inner(Exception):
        pass


class Talking(Exception):
    def __str__(self):
        return "my own words"


def plain(event, context):
    raise ValueError("plain")


def custom(event, context):
    raise Custom("a", 2)


def inner_class(event, context):
    raise Outer.Inner("nested class")


def no_message(event, context):
    raise KeyError


def empty_message(event, context):
    raise RuntimeError("")


def key(event, context):
    return {}["missing"]


def own_words(event, context):
    raise Talking("ignored")


def unicode_message(event, context):
    raise ValueError("Grüße 🎉 \x07 \u2028")


def many_lines(event, context):
    # fmt: off
    raise ValueError(
        "first\n  second\n\n"
        + "third"
    )
    # fmt: on


def long_message(event, context):
    raise ValueError("x" * 1100000)


def chained(event, context):
    try:
        1 / 0
    except ZeroDivisionError as error:
        raise Custom("chained") from error


def while_handling(event, context):
    try:
        int("x")
    except ValueError:
        raise Custom("in the except clause")


def elsewhere(event, context):
    helper.fail()


def deep(event, context):
    def level(n):
        return level(n - 1) if n else [1 / 0 for _ in range(1)]

    return level(20)


def endless(event, context):
    return endless(event, context)


def endless_pair(event, context):
    def ping():
        return pong()

    def pong():
        return ping()

    return ping()


def not_found(event, context):
    open("/no/such/file")


def assertion(event, context):
    assert event == 1, "not one"


def decode(event, context):
    b"\xff".decode()


def syntax(event, context):
    exec("def broken(:\n  pass")


def generated_code(event, context):
    exec("\n\nraise Custom('from exec')", {"Custom": Custom})


def missing_module(event, context):
    import no_such_module


def broken_module(event, context):
    import broken_syntax


def in_a_bootstrap(event, context):
    import bootstrap

    bootstrap.call(helper.fail)


def only_a_bootstrap(event, context):
    import bootstrap

    bootstrap.fail()


def stop(event, context):
    raise StopIteration(5)


def in_a_thread_pool(event, context):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor() as pool:
        return pool.submit(helper.fail).result()


def in_asyncio(event, context):
    import asyncio

    async def main():
        await asyncio.sleep(0)
        helper.fail()

    asyncio.run(main())


def with_notes(event, context):
    error = ValueError("with notes")
    getattr(error, "add_note", print)("the note")
    raise error


def grouped(event, context):
    try:
        group = ExceptionGroup
    except NameError:
        raise ValueError("no groups before 3.11")
    raise group("several", [ValueError(1), group("more", [TypeError(2)])])
