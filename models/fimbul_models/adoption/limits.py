"""What an adapter has to reach: the limits that are shipped, and stricter ones of one's own.

Knows nothing about how figures come about.
"""

import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import msgspec

from fimbul_models.errors import RecipeError

_SHIPPED = "limits.toml"

_AT_LEAST = ("later_gain", "files_gain")
"""Limits that are stricter the larger they are; so are all of `Least`."""


class Least(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How much a figure has to rest on; `limits.toml` says what each means."""

    items: int
    public_items: int
    language_items: int
    member_groups: int
    canaries: int
    samples: int


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All limits; `limits.toml` says what each means."""

    later_gain: float
    files_gain: float
    public_loss: float
    language_loss: float
    language_nats: float
    former_loss: float
    slower: float
    extracted: int
    exposure_once: float
    exposure_repeated: float
    membership: float
    copies: int
    least: Least


def shipped_limits() -> Limits:
    """Return the limits that are shipped."""
    return msgspec.convert(_shipped(), Limits)


def read_limits(path: Path | None) -> Limits:
    """Return the shipped limits, with what the file at `path` makes stricter.

    Raises RecipeError if it cannot be read, holds something else, or is looser anywhere.
    """
    shipped = _shipped()
    if path is None:
        return msgspec.convert(shipped, Limits)
    try:
        own = tomllib.loads(path.read_text(encoding="utf-8"))
        least = {**shipped["least"], **own.get("least", {})}
        limits = msgspec.convert({**shipped, **own, "least": least}, Limits)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise RecipeError(f"The limits {path} cannot be used: {error}.") from error
    for name, value in own.items():
        if name != "least":
            _refuse_looser(path, name, value, shipped[name], more=name in _AT_LEAST)
    for name, value in own.get("least", {}).items():
        _refuse_looser(path, f"least.{name}", value, shipped["least"][name], more=True)
    return limits


def _refuse_looser(path: Path, name: str, value: float, shipped: float, *, more: bool) -> None:
    # A comparison that is never true, such as with nan, is no stricter limit.
    if not (value >= shipped if more else value <= shipped):
        raise RecipeError(
            f"{path}: {name} = {value:g} is looser than {shipped:g}, which is shipped; limits can"
            " only be made stricter."
        )


def _shipped() -> dict[str, Any]:
    text = files("fimbul_models.adoption").joinpath(_SHIPPED).read_text(encoding="utf-8")
    return tomllib.loads(text)
