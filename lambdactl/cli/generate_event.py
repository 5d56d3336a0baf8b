"""``lambdactl generate-event``: print a sample event of an AWS service.

Which options there are depends on the event, and the event is a word among the options. So this
command takes its arguments as they are, finds the words for the service and the event among them,
and then lets a click command with exactly that event's options parse them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from lambdactl import events
from lambdactl.errors import UserError
from lambdactl.events import Event, Implied, Parameter, library
from lambdactl.events.generator import parameters_of
from lambdactl.events.names import closest
from lambdactl.events.parameters import convert

_SEED = Parameter("seed", "integer", "Make the same event again (times included).")
_RECORDS = Parameter("records", "integer", "How many records the event holds.", default=1)
_METAVARS = {
    "string": "TEXT",
    "integer": "N",
    "number": "NUMBER",
    "json": "JSON",
    "object": "JSON",
    "list": "TEXT",
    "pairs": "NAME=VALUE",
    "time": "TIME",
    "account": "ID",
    "region": "REGION",
    "partition": "PARTITION",
}
_FLAGS = {"--compact", "--list", "--help", "-h"}


def _general_options() -> list[click.Option]:
    return [
        click.Option(
            ["--set", "set_values"],
            multiple=True,
            metavar="PATH=VALUE",
            help="Set one value, such as Records.0.s3.bucket.name=photos.",
        ),
        click.Option(["--records"], metavar="N", help=_RECORDS.help),
        click.Option(["--seed"], metavar="N", help=_SEED.help),
        click.Option(
            ["--from", "carry"],
            multiple=True,
            metavar="SERVICE:EVENT",
            help="Put that event inside, such as s3:put in the body of an SQS message.",
        ),
        click.Option(["--compact"], is_flag=True, help="Print it on one line."),
    ]


def _manifest_options() -> list[click.Option]:
    return [
        click.Option(
            ["--for", "for_function"],
            metavar="FUNCTION",
            help="Make the event of a trigger that the function has in the manifest.",
        ),
        click.Option(
            ["-f", "--manifest", "manifest_file"],
            metavar="FILE",
            help="The manifest of --for [lambdactl.yaml here or in a folder above].",
        ),
        click.Option(["--manifest-stage"], metavar="NAME", help="The manifest's stage."),
        click.Option(
            ["--env-file", "env_files"],
            metavar="FILE",
            multiple=True,
            help="Variables of the manifest, as KEY=value lines.",
        ),
    ]


def _listing_options() -> list[click.Option]:
    return [
        click.Option(["--list", "listing"], is_flag=True, help="List the services and events."),
        click.Option(
            ["--output"],
            type=click.Choice(["text", "json"]),
            default="text",
            help="The form of --list.",
        ),
    ]


class _Chosen(click.Command):
    """The command for one event, or for a service without an event: what click parses."""

    def __init__(
        self, words: Sequence[str], chain: Sequence[Event], trigger: Implied | None = None
    ) -> None:
        self.words = words
        self.chain = chain
        self.trigger = trigger
        self.parameters = parameters_of(chain)
        own = [_option(parameter) for parameter in self.parameters.values()]
        super().__init__(
            "generate-event",
            params=[
                *own,
                *_general_options(),
                *_manifest_options(),
                *_listing_options(),
                click.Argument(["words"], nargs=-1),
            ],
            context_settings={"help_option_names": ["-h", "--help"]},
        )

    def collect_usage_pieces(self, ctx: click.Context) -> list[str]:
        return [_name(self.words, self.chain) or "SERVICE [EVENT]", "[OPTIONS]"]

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        formatter.write_paragraph()
        with formatter.indentation():
            if not self.chain:
                formatter.write_text("Print a sample event of an AWS service.")
            elif len(self.words) == 1:
                service = library.find_service(self.words[0])
                formatter.write_text(f"{service.title}. Without an event: {service.default}.")
            else:
                formatter.write_text(f"{self.chain[0].title}.")
                formatter.write_text("See " + ", ".join(self.chain[0].sources))

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if not self.chain:
            rows = [(service.name, service.title) for service in library.services()]
            with formatter.section("Services"):
                formatter.write_dl(rows)
        elif len(self.words) == 1:
            listed = library.events(library.find_service(self.words[0]).name)
            with formatter.section("Events"):
                formatter.write_dl([(event.name, event.title) for event in listed])
        common = library.common_parameters()
        sections: dict[str, list[tuple[str, str]]] = {"Options": [], "General options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record is not None:
                own = param.name in self.parameters and param.name not in common
                sections["Options" if own else "General options"].append(record)
        if len(self.words) == 1:
            for parameter, owners in self._of_other_events().values():
                record = _option(parameter).get_help_record(ctx)
                if record is not None:
                    row = (record[0], f"{record[1]}  ({', '.join(owners)})")
                    sections["Options"].append(row)
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

    def _of_other_events(self) -> dict[str, tuple[Parameter, list[str]]]:
        """Parameters that the usual event does not have, and the events that do."""
        found: dict[str, tuple[Parameter, list[str]]] = {}
        for event in library.events(library.find_service(self.words[0]).name):
            for name, parameter in event.params.items():
                if name not in self.parameters:
                    found.setdefault(name, (parameter, []))[1].append(event.name)
        return found


class _GenerateEvent(click.Command):
    """The command that chooses: takes everything and leaves the parsing to :class:`_Chosen`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.params["arguments"] = tuple(args)
        return []

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        return [
            CompletionItem(word)
            for word in _completions(list(ctx.params.get("arguments", ())))
            if word.startswith(incomplete)
        ]


@click.command(
    cls=_GenerateEvent, add_help_option=False, short_help="Print a sample event of an AWS service."
)
@click.pass_context
def generate_event(ctx: click.Context, arguments: tuple[str, ...]) -> None:
    """Print a sample event of an AWS service."""
    args = list(arguments)
    for arg in args:
        _require_unicode(arg)
    command = _choose(args)
    try:
        with command.make_context(ctx.info_name, args, parent=ctx.parent) as chosen:
            _run(command, chosen.params)
    except click.UsageError as error:
        raise _user_error(command, error) from None


def _run(command: _Chosen, values: dict[str, Any]) -> None:
    if values["listing"]:
        _print_list(command, values["output"])
        return
    if not command.chain:
        raise UserError(
            "name a service", hint="for example s3; `lambdactl generate-event --list` names them"
        )
    arguments: dict[str, Any] = {
        "params": {
            name: values[name]
            for name in command.parameters
            if values[name] is not None and values[name] != ()
        },
        "records": 1 if values["records"] is None else convert(_RECORDS, values["records"]),
        "seed": None if values["seed"] is None else convert(_SEED, values["seed"]),
        "set_values": [events.split_assignment(text) for text in values["set_values"]],
        "carry": values["carry"],
    }
    if command.trigger is not None:
        event = events.generate_implied(command.trigger, **arguments)
    else:
        event = events.generate(
            command.words[0], command.words[1] if len(command.words) > 1 else None, **arguments
        )
    click.echo(_json(event, compact=values["compact"]))


def _json(value: Any, *, compact: bool = False) -> str:
    if compact:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return json.dumps(value, ensure_ascii=False, indent=2)


def _choose(args: list[str]) -> _Chosen:
    """The command for the words among the arguments.

    :raises UserError: a word that names nothing, or one too many.
    """
    words = _words(args, set())
    service, event = events.split_name(words[0]) if words else (None, None)
    if service is not None:
        words = _words(args, _flags(service))
        if event is not None:
            words = [service, event, *words[1:]]
        if len(words) > 2:
            raise UserError(f"{words[2]!r} is one word too many after {words[0]} {words[1]}")
    inner = [library.find(*events.split_name(name)) for name in _values_of("--from", args)]
    functions = _values_of("--for", args)
    if functions:
        trigger = _trigger(functions[-1], words, args)
        chosen = library.find(trigger.service, trigger.event)
        return _Chosen((chosen.service, chosen.name), (chosen, *inner), trigger)
    if not words:
        return _Chosen((), ())
    return _Chosen(tuple(words), (library.find(*words), *inner))


def _flags(service: str) -> set[str]:
    """The options of a service's events that take no value."""
    return {
        flag
        for listed in library.events(library.find_service(service).name)
        for parameter in listed.params.values()
        if parameter.type == "boolean"
        for flag in (parameter.option, "--no-" + parameter.option[2:])
    }


def _trigger(name: str, words: Sequence[str], args: Sequence[str]) -> Implied:
    """The event of the function's trigger; the words say which, if it has several.

    :raises UserError: no such function, no such trigger, or a word is needed to choose.
    """
    from lambdactl import manifest

    files = _values_of("--manifest", args) + _values_of("-f", args)
    stages = _values_of("--manifest-stage", args)
    app = manifest.load(
        Path(files[-1]) if files else None,
        stage=stages[-1] if stages else None,
        env_files=[Path(file) for file in _values_of("--env-file", args)],
    )
    function = app.function(name)
    found = [events.implied(trigger.kind, trigger.settings) for trigger in function.triggers]
    if function.url is not None:
        found.append(events.implied("url", {"auth": function.url.auth}))
    made = [each for each in found if each is not None]
    chosen = events.choose(made, words, function.name)
    others = dict.fromkeys(each.full_name for each in made if each.full_name != chosen.full_name)
    if others and not words:
        click.echo(f"{chosen.full_name}; {function.name} also has {', '.join(others)}", err=True)
    return chosen


def _words(args: Iterable[str], flags: set[str]) -> list[str]:
    """The arguments that are neither an option nor the value of one."""
    words: list[str] = []
    rest = iter(args)
    for arg in rest:
        if arg == "--":
            return [*words, *rest]
        if not arg.startswith("-") or arg == "-":
            words.append(arg)
        elif "=" not in arg and arg not in flags and arg not in _FLAGS:
            next(rest, None)
    return words


def _values_of(option: str, args: Sequence[str]) -> list[str]:
    values = [arg.partition("=")[2] for arg in args if arg.startswith(option + "=")]
    return values + [value for arg, value in pairwise(args) if arg == option and value]


def _option(parameter: Parameter) -> click.Option:
    text = parameter.help
    default = parameter.default
    if isinstance(default, str | int | float) and "${" not in str(default) and default != "":
        shown = str(default).lower() if isinstance(default, bool) else str(default)
        text = f"{text}  [default: {shown}]"
    if parameter.type == "boolean":
        name = parameter.option[2:]
        return click.Option([f"--{name}/--no-{name}", parameter.name], default=None, help=text)
    choices = f"[{'|'.join(parameter.choices)}]" if parameter.choices else None
    return click.Option(
        [parameter.option, parameter.name],
        multiple=parameter.type in ("list", "pairs"),
        metavar=choices or _METAVARS[parameter.type],
        help=text,
    )


def _name(words: Sequence[str], chain: Sequence[Event]) -> str:
    if not chain:
        return ""
    return f"{words[0]} [EVENT]" if len(words) == 1 else " ".join(words)


def _user_error(command: _Chosen, error: click.UsageError) -> UserError:
    if isinstance(error, click.NoSuchOption):
        known = [
            name
            for param in command.params
            if isinstance(param, click.Option)
            for name in (*param.opts, *param.secondary_opts)
        ]
        owner = " with ".join(event.full_name for event in command.chain) or "generate-event"
        return UserError(
            f"{owner} has no option {error.option_name}",
            hint=closest(error.option_name, known)
            or f"`lambdactl generate-event {' '.join(command.words)} --help` lists them",
        )
    return UserError(error.format_message().rstrip("."))


def _require_unicode(arg: str) -> None:
    try:
        arg.encode()
    except UnicodeEncodeError:
        raise UserError(f"{arg!r} is not UTF-8") from None


def _print_list(command: _Chosen, output: str) -> None:
    wanted = library.find_service(command.words[0]).name if command.chain else None
    listings = [listing for listing in events.catalog() if wanted is None or listing.name == wanted]
    if output == "json":
        click.echo(_json([_listing(listing) for listing in listings]))
        return
    rows: list[tuple[str, str]] = []
    for listing in listings:
        rows += [(event.full_name, event.title) for event in listing.events]
        rows += [(f"{listing.name}:{name}", f"see {to}") for name, to in listing.elsewhere.items()]
    width = max(len(name) for name, _ in rows)
    for name, title in rows:
        click.echo(f"{name:<{width}}  {title}")


def _listing(listing: events.ServiceListing) -> dict[str, Any]:
    return {
        "service": listing.name,
        "title": listing.title,
        "aliases": list(listing.aliases),
        "default": listing.default,
        "elsewhere": dict(listing.elsewhere),
        "events": [
            {
                "name": event.name,
                "title": event.title,
                "aliases": [*event.aliases, *event.presets],
                "source": list(event.sources),
                "records": event.record is not None,
                "from": event.carrier is not None,
                "options": [_listed_option(parameter) for parameter in event.params.values()],
            }
            for event in listing.events
        ],
    }


def _listed_option(parameter: Parameter) -> dict[str, Any]:
    return {
        "option": parameter.option,
        "type": parameter.type,
        "help": parameter.help,
        "choices": list(parameter.choices),
        "default": parameter.default,
    }


def _completions(args: list[str]) -> list[str]:
    words = _words(args, set())
    if not words:
        return list(library.service_names())
    try:
        command = _choose(args)
    except UserError:
        return []
    names = [] if len(words) > 1 else list(library.event_names(library.find_service(words[0]).name))
    options = [
        name for param in command.params if isinstance(param, click.Option) for name in param.opts
    ]
    return names + options
