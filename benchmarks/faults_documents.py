"""Faults of what is in documents: too large, too many, too odd."""

from collections.abc import Mapping
from types import MappingProxyType

from benchmarks.faults_session import RIGHT, Fault, Outcome, Place, Session
from lsp_server.types import Position

_OPEN = 300
_MEGABYTE = 1_000_000
_DEEP = 100_000

_MARK = "here_it_is("
_HERE = {"after": _MARK, "answer": RIGHT}
"""What the scripted engine says behind the mark."""


async def _at(session: Session, name: str, text: str, at: Position, note: str = "") -> Outcome:
    """Open a file, ask at a place in it, and then in the first file."""
    session.strikes()
    uri = session.editor.open(session.folder / name, text)
    found = await session.suggested(uri, at)
    took = f"{session.since():.1f} s until its first suggestion"
    session.strikes()
    outcome = await session.outcome(f"{note}{took}; the figure is another file's")
    right = outcome.right and RIGHT.startswith(found) if session.scripted else None
    return Outcome(outcome.saw, outcome.seconds, right, outcome.note)


async def documents_hundreds(place: Place) -> Outcome:
    """Open 300 documents and ask in each."""
    async with place.session() as session:
        answered = 0
        for number in range(_OPEN):
            text = f"def total_{number}(items):\n    return sum(items)\n\n\nvalue = first + "
            uri = session.editor.open(place.work / f"other_{number}.py", text)
            answered += bool(await session.suggested(uri, Position(4, 16)))
        took = session.since()
        session.strikes()
        return await session.outcome(f"{answered} of {_OPEN} answered, in {took:.1f} s")


async def file_of_50_megabytes(place: Place) -> Outcome:
    """Open files of 50 MB, in short and in long lines, which are too long; then one of 15 MB."""
    short = "number = compute(number, 'some text that fills it')\n"
    long = f"number = compute(number, '{'text that fills it ' * 24}')\n"
    async with place.session(rules=[_HERE]) as session:
        reasons = []
        for name, line in (("short.py", short), ("long.py", long)):
            uri = session.editor.open(place.work / name, line * (50 * _MEGABYTE // len(line)))
            session.editor.insert(uri, Position(5, 0), "x")
            assert not await session.ask(uri, Position(9, 0))
            outcome = await session.editor.ask("fimbul/lastOutcome", {"uri": uri})
            reasons.append(outcome["reason"])
        note = f"with 50 MB none ({', '.join(dict.fromkeys(reasons))}); with 15 MB "
        lines = 15 * _MEGABYTE // len(long)
        half = long * (lines // 2)
        text = half + _MARK + "\n" + half
        return await _at(session, "big.py", text, Position(lines // 2, len(_MARK)), note)


async def line_of_a_megabyte(place: Place) -> Outcome:
    """Open a file with a line of 1 MB; ask at its end and in the line below."""
    line = "x = '" + "a" * _MEGABYTE + "' + "
    async with place.session(rules=[_HERE]) as session:
        text = f"y = 1\n{line}\n{_MARK}\nz = 2\n"
        uri = session.editor.open(place.work / "long.py", text)
        await session.suggested(uri, Position(1, len(line)))
        took = session.since()
        note = f"{took:.1f} s until the first suggestion at its end; the figure is another file's"
        session.strikes()
        return await _ask_at(session, uri, Position(2, len(_MARK)), note)


async def line_ends_mixed(place: Place) -> Outcome:
    """Edit a document whose lines end in all three ways, and in none that LSP knows."""
    text = "a = 1\r\nb = 2\rc = 3\n\x0cd = '\u2028'\r\n\re = 5\n\rvalue = "
    async with place.session(rules=[_HERE]) as session:
        uri = session.editor.open(place.work / "mixed.py", text)
        # Line 7, as LSP counts: \r\n, \r, \n, \r\n, \r, \n, \r.
        at = Position(7, len("value = "))
        session.editor.insert(uri, Position(7, 0), "\n")
        session.editor.insert(uri, Position(7, len("value = ")), _MARK)
        at = Position(7, len("value = ") + len(_MARK))
        return await _ask_at(session, uri, at, "\\r and \\n brought together by an edit")


async def utf_16_invalid(place: Place) -> Outcome:
    """Send halves of surrogate pairs, and positions between two halves."""
    async with place.session(rules=[_HERE]) as session:
        uri = session.editor.open(place.work / "odd.py", "a = '\ud83d'\nb = '\ude00\ud83d\ude00'\n")
        session.editor.insert(uri, Position(0, 6), "\ude00")
        # Between the halves of the pair: taken as behind it.
        session.editor.insert(uri, Position(1, 7), "x")
        session.editor.insert(uri, Position(2, 0), _MARK)
        return await _ask_at(session, uri, Position(2, len(_MARK)), "lone halves, one made whole")


async def nesting_deep(place: Place) -> Outcome:
    """Open files with 100,000 open brackets, and as many blocks as fit into a megabyte."""
    async with place.session(rules=[_HERE]) as session:
        blocks = "".join(" " * depth + "if x:\n" for depth in range(1400))
        session.editor.open(place.work / "blocks.py", blocks)
        text = "x = " + "[" * _DEEP + "\n" + _MARK
        return await _at(session, "deep.py", text, Position(1, len(_MARK)))


async def _ask_at(session: Session, uri: str, at: Position, note: str) -> Outcome:
    found = await session.suggested(uri, at)
    outcome = await session.outcome(note)
    right = outcome.right and RIGHT.startswith(found) if session.scripted else None
    return Outcome(outcome.saw, outcome.seconds, right, outcome.note)


FAULTS: Mapping[str, Fault] = MappingProxyType(
    {
        "300 open documents": documents_hundreds,
        "file of 50 MB": file_of_50_megabytes,
        "line of 1 MB": line_of_a_megabyte,
        "mixed line ends": line_ends_mixed,
        "invalid UTF-16": utf_16_invalid,
        "deep nesting": nesting_deep,
    }
)
