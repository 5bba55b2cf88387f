"""What options were in earlier versions, so that settings written for those still mean the same.

A row is added whenever an option is renamed or takes other values than before; rows stay.
"""

from typing import Any

NAMES: dict[str, str] = {}
"""Options by their former names. None was renamed so far."""

VALUES: dict[str, dict[Any, str]] = {
    "engine.ahead": {True: "always", False: "off"},
    "completion.rethink": {True: "always", False: "off"},
}
"""By option, what its former values are now."""


def as_now(key: str, value: Any) -> tuple[str, Any]:
    """Return an option as this version calls it, with the value that now means what it meant."""
    key = NAMES.get(key, key)
    former = VALUES.get(key, {})
    # 1 is equal to True, but was never a value of these.
    return key, former[value] if isinstance(value, bool) and value in former else value
