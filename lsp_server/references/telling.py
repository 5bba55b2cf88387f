"""References told to people: in a few words beside a suggestion, and in full where one asks."""

from collections.abc import Sequence

from lsp_server.references.log import Logged
from lsp_server.types import Reference

_SHORT = 60
"""Longest short text, in code points."""

NO_LICENCE = "no known licence"
"""What stands where an index knows of none."""


def short(references: Sequence[Reference]) -> str:
    """Return the licence and the project of the first, and how many more there are.

    Empty where there are none.
    """
    if not references:
        return ""
    first = references[0]
    projects = len({one.project for one in references})
    more = f" +{projects - 1}" if projects > 1 else ""
    text = f"{first.licence or NO_LICENCE}: {first.project}"
    most = _SHORT - len(more)
    return (text if len(text) <= most else f"{text[: most - 1]}…") + more


def in_full(references: Sequence[Reference]) -> str:
    """Return one line for each, its link below it; empty where there are none."""
    return "\n".join(_line(one) for one in references)


def as_json(reference: Reference) -> dict[str, object]:
    """Return a reference as editors and other programs get it."""
    return {
        "project": reference.project,
        "path": reference.path,
        "line": reference.line,
        "licence": reference.licence,
        "licenceClass": reference.licence_class,
        "link": reference.link,
        "index": reference.index,
        "likeness": reference.likeness,
        "tokens": reference.tokens,
    }


def reference_of(logged: Logged) -> Reference:
    """Return what an entry of the log says of the code it resembles."""
    entry = logged.entry
    return Reference(
        entry.project,
        entry.path,
        entry.line,
        entry.licence,
        entry.licence_class,
        entry.link,
        entry.index,
        entry.likeness,
        entry.tokens,
    )


def logged_in_full(logged: Logged) -> str:
    """Return where an entry stands, and what it resembles."""
    entry = logged.entry
    gone = " (gone)" if logged.gone_at is not None else ""
    return f"{entry.file}:{entry.first}-{entry.last}{gone}: {_line(reference_of(logged))}"


def logged_as_json(logged: Logged) -> dict[str, object]:
    """Return an entry as editors and other programs get it."""
    entry = logged.entry
    return {
        "id": entry.id,
        "at": entry.at,
        "file": entry.file,
        "first": entry.first,
        "last": entry.last,
        "language": entry.language,
        "model": entry.model,
        "share": entry.share,
        "goneAt": logged.gone_at,
        **as_json(reference_of(logged)),
    }


def _line(one: Reference) -> str:
    how = "the same" if one.likeness == "verbatim" else "the same but for names"
    line = (
        f"{one.tokens} tokens {how} as in {one.project}, {one.path}:{one.line} "
        f"({one.licence or NO_LICENCE}; {one.licence_class}; index {one.index})"
    )
    return f"{line}\n    {one.link}" if one.link else line
