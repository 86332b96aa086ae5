"""Expansion of `${VAR}` in what the plan carries as written, when a command runs."""

from __future__ import annotations

from collections.abc import Mapping

from pgconductor.errors import PlanError
from pgconductor.placeholder import Placeholder, PlaceholderError, parse


def interpolate(text: str, environ: Mapping[str, str]) -> str:
    """The text with its placeholders replaced by the values of environment variables.

    Raises:
        PlanError: a variable is not set (CFG603, CFG604), or the text is malformed (CFG601), which `generate` refuses.

    >>> interpolate("postgres://${HOST:-localhost}/shop", {})
    'postgres://localhost/shop'
    """
    try:
        return "".join(_value(piece, environ) if isinstance(piece, Placeholder) else piece for piece in parse(text))
    except PlaceholderError as error:
        raise PlanError(f"CFG601: {error}; write `${{VAR}}`, or `$$` for a dollar sign") from None


def _value(placeholder: Placeholder, environ: Mapping[str, str]) -> str:
    name, value = placeholder.name, environ.get(placeholder.name)
    match placeholder.mode:
        case ":-":
            return value or placeholder.text
        case ":?":
            if not value:
                reason = placeholder.text or "it must not be empty"
                raise PlanError(f"CFG604: the environment variable {name} is not set: {reason}")
            return value
        case None:
            if value is None:
                raise PlanError(
                    f"CFG603: the environment variable {name} is not set; set it, or write `${{{name}:-default}}` "
                    "in conductor.toml"
                )
            return value
