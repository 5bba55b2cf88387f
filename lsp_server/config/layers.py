"""Merge the layers that options come from.

From weakest to strongest voice: defaults, the user's file, the editor's options; then the
workspace's file and the machine-wide policy, which may only restrict what the others allow. A
workspace can never choose a model, a command or a server; the policy can choose the server, or
none, over everybody's head. A value that does not fit leaves what stood
there before and is reported in one message that names it. What the privacy mode forbids is off in
the outcome. Knows nothing about LSP.
"""

import enum
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from lsp_server.config.former import as_now
from lsp_server.config.modes import in_force
from lsp_server.config.options import APART, Entry, Settings, Tighten, entries

_TABLE = {entry.key: entry for entry in entries()}


@dataclass(frozen=True, slots=True)
class Layer:
    """One source of options."""

    name: str
    """What a message calls it: a file's path, or ``the editor's settings``."""
    values: Mapping[str, Any]
    """Nested as in the file: section, then option."""
    may: frozenset[Tighten] | None = None
    """Kinds of restriction this layer may make; None is a layer that sets freely."""
    from_editor: bool = False
    """Whether an editor sent it, which may have taken it out of a workspace."""


WORKSPACE_MAY = frozenset(
    {
        Tighten.FALSE,
        Tighten.OPT_IN,
        Tighten.TRUE,
        Tighten.LOWER,
        Tighten.UNION,
        Tighten.INTERSECTION,
        Tighten.OWN_LIST,
        Tighten.LATER_CHOICE,
        Tighten.STRICTER,
    }
)
_NOT_WIDENED = (Tighten.OPT_IN, Tighten.TRUE, Tighten.STRICTER, Tighten.OWN_LIST)
"""What an editor may restrict, and widen only as far as the user's own file does."""
_SENT_AS_DEFAULT = (Tighten.STRICTER, Tighten.TRUE, Tighten.OWN_LIST)
"""What of an editor counts only where it is not the default."""
_SWITCHED = {Tighten.OPT_IN: "switched on", Tighten.TRUE: "switched off"}
POLICY_MAY = WORKSPACE_MAY | {Tighten.POLICY, Tighten.MACHINE}


def read_file(path: Path, may: frozenset[Tighten] | None) -> tuple[list[Layer], list[str]]:
    """Read the TOML file at `path` into at most one layer, and messages about what is wrong."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return [], []
    except (OSError, ValueError, RecursionError) as error:
        # No text, no TOML, a path that no file can have, or brackets as deep as nobody means.
        return [], [f"{path} is left out: {error}."]
    return [Layer(str(path), values, may)], []


def merge(layers: Sequence[Layer]) -> tuple[Settings, list[str]]:
    """Merge `layers`, those that restrict after those that set, into settings and messages."""
    values: dict[str, Any] = {key: entry.default for key, entry in _TABLE.items()}
    messages: list[str] = []
    for layer in sorted(layers, key=lambda layer: layer.may is not None):
        for written, value in _flatten(layer.values):
            key, raw = as_now(written, value)
            try:
                values[key] = _apply(layer, key, raw, values.get(key))
            except ValueError as error:
                messages.append(f"{layer.name}: {key} {error}")
    settings = _settings({key: value for key, value in values.items() if key in _TABLE})
    settings, more = in_force(settings)
    return settings, [*messages, *more]


def _flatten(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for section, content in values.items():
        if isinstance(content, Mapping):
            for name, raw in content.items():
                yield from _spread(f"{section}.{name}", raw)
        else:
            yield section, content


def _spread(key: str, raw: Any) -> Iterator[tuple[str, Any]]:
    """Yield an option, or each of several that are written as a table: ``references.policy``."""
    if isinstance(raw, Mapping) and key not in _TABLE:
        for name, inner in raw.items():
            yield f"{key}_{str(name).replace('-', '_')}", inner
    else:
        yield key, raw


def _apply(layer: Layer, key: str, raw: Any, current: Any) -> Any:
    entry = _TABLE.get(key)
    if entry is None:
        raise ValueError("is not an option; it is ignored.")
    value = _parse(entry, raw, current)
    tighten = entry.option.tighten
    if layer.may is None:
        if layer.from_editor and tighten in _SENT_AS_DEFAULT and value == entry.default:
            # Editors send the defaults of what nobody has set.
            return current
        _check_may_set(layer, entry, value, current)
        return value
    if tighten not in layer.may:
        raise ValueError("may not be set there; it is ignored.")
    return _restrict(entry, value, current)


def _check_may_set(layer: Layer, entry: Entry, value: Any, current: Any) -> None:
    """Raise ValueError, with the rest of a sentence, if `value` is not for `layer` to set."""
    tighten = entry.option.tighten
    if tighten is Tighten.POLICY:
        raise ValueError("is set only by the machine-wide policy; it is ignored.")
    if not layer.from_editor:
        return
    if tighten is Tighten.MACHINE:
        raise ValueError(
            "is set only in your own config.toml (`fimbul doctor` says where) or by the "
            "machine-wide policy, since an editor may take its settings out of a workspace; "
            "it is ignored."
        )
    if tighten in _NOT_WIDENED and value != _restrict(entry, value, current):
        how = _SWITCHED.get(tighten, f"set to {_shown(value)}")
        raise ValueError(
            f"is {how} only in your own config.toml (`fimbul doctor` says where), since "
            "an editor may take its settings out of a workspace; it is ignored."
        )


def _parse(entry: Entry, raw: Any, current: Any) -> Any:
    """Check `raw` against the row of the table; raise ValueError with the rest of a sentence."""
    kept = f"; it stays {_shown(current)}."
    if entry.choices:
        if raw in entry.choices:
            return entry.type(raw)
        raise ValueError(f"is {raw!r}, not one of {', '.join(entry.choices)}{kept}")
    if entry.type is bool:
        if isinstance(raw, bool):
            return raw
        raise ValueError(f"is {raw!r}, neither true nor false{kept}")
    if entry.type is int:
        return _parse_int(entry, raw, kept)
    if entry.type is str:
        if isinstance(raw, str) and (raw or not entry.default):
            return raw
        raise ValueError(f"is {raw!r}, not a name{kept}")
    return _parse_list(entry, raw, kept)


def _parse_list(entry: Entry, raw: Any, kept: str) -> tuple[str, ...]:
    if not isinstance(raw, list | tuple) or not all(isinstance(item, str) for item in raw):
        raise ValueError(f"is {raw!r}, not a list of names{kept}")
    members = entry.option.members
    if wrong := [item for item in raw if members and item not in members]:
        raise ValueError(f"names {wrong[0]!r}, which is not one of {', '.join(members)}{kept}")
    return tuple(raw)


def _parse_int(entry: Entry, raw: Any, kept: str) -> int:
    if not isinstance(raw, int) or isinstance(raw, bool):
        raise ValueError(f"is {raw!r}, not a whole number{kept}")  # noqa: TRY004  # See `_parse`.
    low, high = entry.option.minimum, entry.option.maximum
    if (low is not None and raw < low) or (high is not None and raw > high):
        raise ValueError(f"is {raw}, not between {low} and {high}{kept}")
    return raw


def _restrict(entry: Entry, value: Any, current: Any) -> Any:
    match entry.option.tighten:
        case Tighten.FALSE | Tighten.OPT_IN:
            return current and value
        case Tighten.TRUE:
            return current or value
        case Tighten.LOWER:
            limits = [number for number in (current, value) if number != entry.option.automatic]
            return min(limits, default=current)
        case Tighten.UNION:
            # A `!` brings back what its own layer took, and nothing of others.
            apart = (APART,) if any(item.startswith("!") for item in value) else ()
            return (*current, *apart, *(item for item in value if item not in current))
        case Tighten.INTERSECTION | Tighten.OWN_LIST:
            return tuple(item for item in current if item in value)
        case Tighten.LATER_CHOICE | Tighten.STRICTER:
            return max(current, value, key=list(entry.type).index)
        case _:
            return value


def _settings(values: Mapping[str, Any]) -> Settings:
    settings = Settings()
    for key, value in values.items():
        section, name = key.split(".", 1)
        part = replace(getattr(settings, section), **{name: value})
        settings = replace(settings, **{section: part})
    return settings


def _shown(value: Any) -> str:
    return repr(value.value if isinstance(value, enum.Enum) else value)
