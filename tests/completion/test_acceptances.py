"""What was accepted though it resembles published code, and what edits make of the list."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from lsp_server.completion.acceptances import Acceptances
from lsp_server.completion.regions import LineEdit, Region
from lsp_server.completion.resemblance import Resemblance
from lsp_server.config.options import ReferenceOptions, Resembling
from lsp_server.references.log import Logged, ReferenceLog, read_log
from lsp_server.references.matches import Findings
from lsp_server.text import split_lines
from lsp_server.types import Document
from tests.completion.shelves import GPL, MIT, Shelf

URI = "file:///w/a.py"
LINE = "x = total(items, names)"


def document(text: str, version: int = 1) -> Document:
    return Document(URI, "python", version, tuple(split_lines(text)), "a.py", "/w")


def followed(first: int, last: int | None = None, number: int = 1) -> Any:
    """As much of a followed suggestion as is looked at."""
    region = Region(first, first if last is None else last)
    return SimpleNamespace(id=number, uri=URI, region=region, model="m")


class Session:
    """What a server would have."""

    def __init__(self, folder: Path, shelf: Shelf, *, delay: float = 0.0) -> None:
        self.told: list[str] = []
        self.log = ReferenceLog(folder / "references" / "log.jsonl")
        self.resemblance = Resemblance()
        self.resemblance.use(shelf)
        self.acceptances = Acceptances(
            self.resemblance, lambda shown: shown, tell=self.told.append, delay=delay
        )
        self.acceptances.keep_in(self.log)

    @property
    def listed(self) -> list[Logged]:
        return read_log(self.log.file)[0]

    async def until(self, holds: Callable[[list[Logged]], object]) -> list[Logged]:
        async with asyncio.timeout(30):
            while not holds(found := self.listed):
                await asyncio.sleep(0.005)
        return found


@pytest.fixture
def shelf() -> Shelf:
    return Shelf({LINE: MIT})


async def test_the_report_may_come_before_the_change(tmp_path: Path, shelf: Shelf) -> None:
    session = Session(tmp_path, shelf, delay=0.05)
    session.acceptances.opened(document("\n\n"))
    session.acceptances.accepted(followed(0), LINE)
    session.acceptances.changed(document(f"{LINE}\n\n", 2), [LineEdit(0, 1, 0)])
    (one,) = await session.until(lambda found: found)
    assert (one.entry.file, one.entry.first, one.entry.last) == ("/w/a.py", 1, 1)
    assert (one.entry.share, one.entry.model) == (1.0, "m")


async def test_what_is_accepted_bit_by_bit_is_one_entry(tmp_path: Path, shelf: Shelf) -> None:
    session = Session(tmp_path, shelf)
    for version, taken in enumerate(("x = total(", LINE), 2):
        session.acceptances.changed(document(f"{taken}\n", version), [LineEdit(0, 1, 0)])
        session.acceptances.accepted(followed(0), taken)
        await session.acceptances.close()
    assert len(session.listed) == 1


async def test_what_the_user_wrote_is_not_listed(tmp_path: Path, shelf: Shelf) -> None:
    session = Session(tmp_path, shelf)
    session.acceptances.changed(document(f"{LINE}\n", 2), [LineEdit(0, 1, 0)])
    session.acceptances.accepted(followed(0), "names)")
    await session.acceptances.close()
    assert session.listed == []


async def test_what_is_allowed_is_not_listed(tmp_path: Path, shelf: Shelf) -> None:
    session = Session(tmp_path, shelf)
    session.resemblance.options = replace(ReferenceOptions(), policy_permissive=Resembling.ALLOW)
    session.acceptances.changed(document(f"{LINE}\n", 2), [LineEdit(0, 1, 0)])
    session.acceptances.accepted(followed(0), LINE)
    await session.acceptances.close()
    assert session.listed == []


async def accepted(session: Session, text: str = f"{LINE}\n") -> None:
    session.acceptances.changed(document(text, 2), [LineEdit(0, 1, 0)])
    session.acceptances.accepted(followed(0), LINE)
    await session.acceptances.close()
    assert [one.gone_at for one in session.listed] == [None]


async def test_an_edit_takes_it_away_and_brings_it_back(tmp_path: Path, shelf: Shelf) -> None:
    session = Session(tmp_path, shelf)
    await accepted(session)
    began = time.time()
    session.acceptances.changed(document("x = count(items)\n", 3), [LineEdit(0, 1, 0)])
    (one,) = await session.until(lambda found: found[0].gone_at)
    assert one.gone_at is not None
    assert began - 1 <= one.gone_at <= time.time() + 1
    session.acceptances.changed(document(f"{LINE}\n", 4), [LineEdit(0, 1, 0)])
    session.acceptances.accepted(followed(0, number=2), LINE)
    _, other = await session.until(lambda found: len(found) == 2)
    assert other.gone_at is None


async def test_lines_above_move_it(tmp_path: Path, shelf: Shelf) -> None:
    session = Session(tmp_path, shelf)
    await accepted(session)
    text = f"import a\n\n{LINE}  # Mine.\n"
    session.acceptances.changed(document(text, 3), [LineEdit(0, 0, 2), LineEdit(2, 3, 0)])
    (one,) = await session.until(lambda found: found[0].entry.first == 3)
    assert one.gone_at is None


async def test_nobody_can_tell_once_the_index_is_taken_away(tmp_path: Path, shelf: Shelf) -> None:
    session = Session(tmp_path, shelf)
    await accepted(session)
    session.resemblance.use(Shelf(names=("another",)))
    session.acceptances.changed(document("y = 1\n", 3), [LineEdit(0, 1, 0)])
    await session.acceptances.close()
    # Nor does a look-up that fails.
    session.resemblance.use(Shelf(error=ValueError()))
    session.acceptances.changed(document("y = 2\n", 4), [LineEdit(0, 1, 0)])
    await session.acceptances.close()
    assert [one.gone_at for one in session.listed] == [None]


async def test_what_is_edited_while_it_is_looked_at_is_looked_at_again(tmp_path: Path) -> None:
    class Edited(Shelf):
        """Somebody types while it looks."""

        loop: asyncio.AbstractEventLoop

        def look(self, text: str, language: str, *, least: int) -> Findings:
            if len(self.asked) == 0:
                done = asyncio.run_coroutine_threadsafe(type_on(), self.loop)
                done.result(30)
            return super().look(text, language, least=least)

    shelf = Edited({LINE: MIT, "count(things)": GPL})
    shelf.loop = asyncio.get_running_loop()
    session = Session(tmp_path, shelf)

    async def type_on() -> None:
        session.acceptances.changed(document(f"\n\n{LINE}\n", 3), [LineEdit(0, 0, 2)])

    session.acceptances.changed(document(f"{LINE}\n", 2), [LineEdit(0, 1, 0)])
    session.acceptances.accepted(followed(0), LINE)
    (one,) = await session.until(lambda found: found)
    assert (one.entry.first, one.entry.project) == (3, MIT.project)


async def test_a_document_that_is_closed_is_looked_at_first(tmp_path: Path, shelf: Shelf) -> None:
    session = Session(tmp_path, shelf, delay=60.0)
    session.acceptances.changed(document(f"{LINE}\n", 2), [LineEdit(0, 1, 0)])
    session.acceptances.accepted(followed(0), LINE)
    session.acceptances.closed(URI)
    (one,) = await session.until(lambda found: found)
    assert one.gone_at is None
    assert session.resemblance.borrowed.spans(URI, [f"{LINE}\n"], 0) == []


async def test_a_log_that_cannot_be_written_is_said_once(tmp_path: Path, shelf: Shelf) -> None:
    session = Session(tmp_path, shelf)
    (tmp_path / "references").write_text("in the way")
    for number in (1, 2):
        session.acceptances.changed(document(f"{LINE}\n" * number, number), [LineEdit(0, 1, 0)])
        session.acceptances.accepted(followed(number - 1, number=number), LINE)
        await session.acceptances.close()
    (message,) = session.told
    assert "cannot be written" in message
    assert "references.log = false" in message


async def test_without_a_list_nothing_is_looked_at(tmp_path: Path, shelf: Shelf) -> None:
    session = Session(tmp_path, shelf)
    session.acceptances.keep_in(None)
    session.acceptances.changed(document(f"{LINE}\n", 2), [LineEdit(0, 1, 0)])
    session.acceptances.accepted(followed(0), LINE)
    await session.acceptances.close()
    assert shelf.asked == []
    # What comes from the model is known all the same, for the next suggestion.
    assert session.resemblance.borrowed.spans(URI, [f"{LINE}\n"], 0) == [(0, len(LINE))]
