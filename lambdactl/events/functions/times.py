"""One moment in the many ways AWS services write it. Times are aware and in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lambdactl.events.render import Scope

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LONG_MONTHS = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)
_LONG_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def later(_scope: Scope, moment: datetime, seconds: float) -> datetime:
    """``moment`` and so many seconds; a negative number is earlier."""
    return moment + timedelta(seconds=seconds)


def iso(_scope: Scope, moment: datetime) -> str:
    """``2026-01-31T12:00:00Z``."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}Z"


def iso_ms(_scope: Scope, moment: datetime) -> str:
    """``2026-01-31T12:00:00.123Z``."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def iso_us(_scope: Scope, moment: datetime) -> str:
    """``2026-01-31T12:00:00.123456Z``."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond:06d}Z"


def iso_offset_ms(_scope: Scope, moment: datetime) -> str:
    """``2026-01-31T12:00:00.123+0000``."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def epoch(_scope: Scope, moment: datetime) -> int:
    """Whole seconds since 1970."""
    return int(moment.timestamp())


def epoch_ms(_scope: Scope, moment: datetime) -> int:
    """Milliseconds since 1970."""
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000


def epoch_float(_scope: Scope, moment: datetime) -> float:
    """Seconds since 1970, with milliseconds."""
    return int(moment.timestamp()) + moment.microsecond // 1000 / 1000


def epoch_us(_scope: Scope, moment: datetime) -> int:
    """Microseconds since 1970."""
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def clf(_scope: Scope, moment: datetime) -> str:
    """``31/Jan/2026:12:00:00 +0000``, as in a common log line."""
    return f"{moment.day:02d}/{_MONTHS[moment.month - 1]}/{moment:%Y:%H:%M:%S} +0000"


def http_date(_scope: Scope, moment: datetime) -> str:
    """``Sat, 31 Jan 2026 12:00:00 GMT``."""
    return (
        f"{_DAYS[moment.weekday()]}, {moment.day:02d} {_MONTHS[moment.month - 1]}"
        f" {moment:%Y %H:%M:%S} GMT"
    )


def mail_date(_scope: Scope, moment: datetime) -> str:
    """``Sat, 31 Jan 2026 12:00:00 +0000``."""
    return http_date(_scope, moment).replace("GMT", "+0000")


def long_date(_scope: Scope, moment: datetime) -> str:
    """``Saturday 31 January, 2026 12:00:00 UTC``."""
    return (
        f"{_LONG_DAYS[moment.weekday()]} {moment.day:02d} {_LONG_MONTHS[moment.month - 1]},"
        f" {moment:%Y %H:%M:%S} UTC"
    )


def java_date(_scope: Scope, moment: datetime) -> str:
    """``Jan 31, 2026, 12:00:00 PM``."""
    half = "PM" if moment.hour >= 12 else "AM"
    hour = (moment.hour - 1) % 12 + 1
    return f"{_MONTHS[moment.month - 1]} {moment.day}, {moment.year}, {hour}:{moment:%M:%S} {half}"


def date(_scope: Scope, moment: datetime, form: str) -> str:
    """By a numeric ``strftime`` format, such as ``%Y/%m/%d``."""
    return moment.strftime(form)


def minute(_scope: Scope, moment: datetime) -> datetime:
    """The start of the minute ``moment`` is in."""
    return moment.replace(second=0, microsecond=0)


def midnight(_scope: Scope, moment: datetime) -> datetime:
    """The start of the day ``moment`` is in."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "clf": clf,
    "date": date,
    "epoch": epoch,
    "epoch_float": epoch_float,
    "epoch_ms": epoch_ms,
    "epoch_us": epoch_us,
    "http_date": http_date,
    "iso": iso,
    "iso_ms": iso_ms,
    "iso_offset_ms": iso_offset_ms,
    "iso_us": iso_us,
    "java_date": java_date,
    "later": later,
    "long_date": long_date,
    "mail_date": mail_date,
    "midnight": midnight,
    "minute": minute,
}
