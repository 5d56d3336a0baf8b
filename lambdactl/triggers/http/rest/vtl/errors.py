"""The one way a template can go wrong."""

from __future__ import annotations

from lambdactl.errors import UserError


class VtlError(UserError):
    """A template that can't be parsed, or that failed while it ran."""
