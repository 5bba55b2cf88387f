"""What is done with suggestions that resemble published code, at the moment of showing."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from lsp_server.completion.answering import ServedModel
from lsp_server.completion.borrowed import Borrowed, share
from lsp_server.completion.pipeline import Pipeline
from lsp_server.completion.regions import LineEdit, Region
from lsp_server.completion.resemblance import AFTER, BEFORE, Resemblance, window_around
from lsp_server.completion.workspace import Workspace
from lsp_server.config.options import (
    CompletionOptions,
    ReferenceOptions,
    Resembling,
    Settings,
    Show,
)
from lsp_server.prompt.formats import FORMATS
from lsp_server.references.library import Library, open_library
from lsp_server.references.matches import Findings
from lsp_server.text import split_lines
from lsp_server.types import (
    Completion,
    CompletionRequest,
    Document,
    Outcome,
    Position,
    Rejection,
    RejectionReason,
    TriggerKind,
)
from tests.completion.engines import Engine
from tests.completion.shelves import GPL, MIT, Shelf
from tests.references.published import BODY, HEADER, OTHER, build

URI = "file:///w/a.py"

SETTINGS = replace(Settings(), completion=CompletionOptions(show=Show.ALL, time_budget=0))


def asked(marked: str, kind: TriggerKind = TriggerKind.AUTOMATIC) -> CompletionRequest:
    before, _, after = marked.partition("█")
    above = split_lines(before)
    document = Document(URI, "python", 1, tuple(split_lines(before + after)), "a.py", "/w")
    return CompletionRequest(document, Position(len(above) - 1, len(above[-1])), kind)


@asynccontextmanager
async def pipeline(
    answers: dict[str, str], settings: Settings = SETTINGS, **more: object
) -> AsyncIterator[Pipeline]:
    found = Pipeline(Engine(answers), settings, Workspace(), **more)  # type: ignore[arg-type]
    found.serve(ServedModel("m", FORMATS["qwen2.5-coder"]))
    yield found
    await found.close()


@pytest.fixture
def library(tmp_path: Path) -> Library:
    build(tmp_path / "indexes")
    found = open_library(tmp_path / "indexes", (), ())
    assert found is not None
    return found


def projects(outcome: Outcome) -> list[str]:
    assert isinstance(outcome, Completion)
    return [one.project for one in outcome.references]


# With a real index


async def test_a_body_that_somebody_has_published_is_annotated(library: Library) -> None:
    async with pipeline({HEADER: BODY.rstrip()}) as found:
        found.resemblance.use(library)
        outcome = await found.complete(asked(f"{HEADER}█\n"))
        assert projects(outcome) == ["wheel:intervals 1.0"]
        assert isinstance(outcome, Completion)
        (reference,) = outcome.references
        assert (reference.licence, reference.path) == ("MIT", "intervals/core.py")
        assert reference.tokens > 130
        assert reference.likeness == "verbatim"


async def test_other_code_is_not(library: Library) -> None:
    async with pipeline({HEADER: OTHER.rstrip()}) as found:
        found.resemblance.use(library)
        outcome = await found.complete(asked(f"{HEADER}█\n"))
        assert projects(outcome) == []


def lines_of_body(count: int) -> tuple[str, str]:
    """The first lines of the body, and the next one."""
    lines = split_lines(BODY)
    return "".join(lines[:count]), lines[count].rstrip("\n")


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
async def test_a_third_counts_over_all_that_was_accepted(library: Library, ending: str) -> None:
    above, line = lines_of_body(9)
    text = (HEADER + above).replace("\n", ending)
    indented = line[: len(line) - len(line.lstrip())]
    request = asked(f"{text}{indented}█{ending}")
    async with pipeline({above.splitlines()[-1] + f"\n{indented}": line.strip()}) as found:
        found.resemblance.use(library)
        window = found.resemblance.window
        made = Completion(line.strip(), request.position, request.position, *([None] * 2))  # type: ignore[arg-type]
        alone = await found.resemblance.look(window(request.document, made), "python")
        assert alone == []
        # Typed by hand, these lines are the user's; accepted, they are the model's.
        borrowed = found.resemblance.borrowed
        borrowed.take(URI, 1, "".join(split_lines(above)[:5]).rstrip("\n"), Region(1, 5))
        (match,) = await found.resemblance.look(window(request.document, made), "python")
        assert match.tokens >= 65
        (reference,) = (await judged(found, request, made)).references
        assert reference.project == "wheel:intervals 1.0"


async def judged(found: Pipeline, request: CompletionRequest, made: Completion) -> Completion:
    outcome = await found.resemblance.judged(request, made)
    assert isinstance(outcome, Completion)
    return outcome


async def test_what_stands_there_already_is_not_told_again(library: Library) -> None:
    async with pipeline({"\nprint(": "merged)"}) as found:
        found.resemblance.use(library)
        found.resemblance.borrowed.take(URI, 1, BODY.rstrip("\n"), Region(1, 14))
        outcome = await found.complete(asked(f"{HEADER}{BODY}\nprint(█\n"))
        assert projects(outcome) == []


async def test_the_workspace_itself_is_nobody_elses(tmp_path: Path) -> None:
    own = tmp_path / "work" / "intervals"
    (own / ".git").mkdir(parents=True)
    (own / ".git" / "config").write_text(
        '[core]\n\tbare = false\n[remote "origin"]\n\turl = git@code.example:me/spans.git\n'
    )
    (own / "pyproject.toml").write_text('[project]\nname = "Inter_vals"\n')
    for number, (project, is_told) in enumerate(
        {
            "wheel:inter-vals": False,
            "git:code.example/me/spans": False,
            "folder:intervals": False,
            "wheel:intervals2": True,
        }.items()
    ):
        indexes = tmp_path / f"indexes{number}"
        build(indexes, project=project)
        library = open_library(indexes, (), [own])
        assert library is not None
        found = library.look(HEADER + BODY, "python", least=65)
        assert [bool(found.matches), bool(found.suppressed)] == [is_told, not is_told]


# Decisions


def options(**more: object) -> ReferenceOptions:
    return replace(ReferenceOptions(), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("policy", "shown"),
    [(Resembling.ALLOW, []), (Resembling.ANNOTATE, ["wheel:a 1.0"]), (Resembling.BLOCK, None)],
)
async def test_the_user_decides(policy: Resembling, shown: list[str] | None) -> None:
    async with pipeline({"x = ": "total(items)"}) as found:
        found.resemblance.options = options(policy_permissive=policy)
        found.resemblance.use(Shelf({"total(items)": MIT}))
        outcome = await found.complete(asked("x = █\n"))
        if shown is None:
            assert isinstance(outcome, Rejection)
            assert outcome.reason is RejectionReason.RESEMBLES_CODE
        else:
            assert projects(outcome) == shown


async def test_off_means_that_nothing_is_looked_at() -> None:
    shelf = Shelf({"total(items)": GPL})
    async with pipeline({"x = ": "total(items)"}) as found:
        found.resemblance.options = options(enable=False)
        found.resemblance.use(shelf)
        assert projects(await found.complete(asked("x = █\n"))) == []
    assert shelf.asked == []


async def test_the_rest_of_an_earlier_one_is_looked_at_too() -> None:
    shelf = Shelf({"x = total(items)": MIT})
    async with pipeline({"x = ": "total(items)"}) as found:
        found.resemblance.use(shelf)
        for typed in ("", "to", "tota"):
            outcome = await found.complete(asked(f"x = {typed}█\n"))
            assert projects(outcome) == ["wheel:a 1.0"]
            assert isinstance(outcome, Completion)
            assert outcome.is_kept is bool(typed)
        # The text with the suggestion in it was the same each time.
        assert len(shelf.asked) == 1
        found.resemblance.options = options(policy_permissive=Resembling.BLOCK)
        outcome = await found.complete(asked("x = tot█\n"))
        assert isinstance(outcome, Rejection)


async def test_of_several_only_those_come_that_may() -> None:
    async with pipeline({}) as found:
        found.resemblance.use(Shelf({"x = total(items)": GPL, "x = count(items)": MIT}))
        request = asked("x = █\n")

        def made(text: str) -> Completion:
            return Completion(text, request.position, request.position, *([None] * 2))  # type: ignore[arg-type]

        first = replace(made("total(items)"), others=(made("count(items)"), made("1")))
        outcome = await judged(found, request, first)
        assert outcome.text == "count(items)"
        assert projects(outcome) == ["wheel:a 1.0"]
        assert [(one.text, projects(one)) for one in outcome.others] == [("1", [])]
        alone = await found.resemblance.judged(request, replace(first, others=()))
        assert isinstance(alone, Rejection)


# What comes in parts


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("source", [MIT, GPL])
async def test_what_follows_a_part_is_looked_at_before_it_is_told(source: object) -> None:
    told: list[Completion | None] = []
    settings = replace(SETTINGS, completion=CompletionOptions(show=Show.ALL, time_budget=1))
    async with pipeline(
        {}, settings, looks_ahead=True, longer=lambda _, more: told.append(more)
    ) as found:
        engine = found._engine
        assert isinstance(engine, Engine)
        found.resemblance.use(Shelf({"x = total(items)": source}))  # type: ignore[dict-item]
        asking = asyncio.create_task(found.complete(asked("x = █\n")))
        call = await engine.call(0)
        call.say("total")
        call.say("(")
        part = await asyncio.wait_for(asking, 10)
        assert isinstance(part, Completion)
        assert part.is_part
        assert projects(part) == []
        call.finish("items)")
        await until(lambda: told)
        (more,) = told
        if source is MIT:
            assert more is not None
            assert more.text == "total(items)"
            assert projects(more) == ["wheel:a 1.0"]
        else:
            assert more is None
            assert found.fates.latest(1)[0].reason == "resembles-code"


# When it goes wrong


async def test_a_shelf_that_fails_costs_nothing_but_itself() -> None:
    told: list[str] = []
    shelf = Shelf(error=ValueError("secret text of the document"))
    async with pipeline({"x = ": "1", "y = ": "2"}, resemblance=Resemblance(tell=told.append)) as p:
        p.resemblance.use(shelf)
        for name in "xy":
            outcome = await p.complete(asked(f"{name} = █\n"))
            assert projects(outcome) == []
    (message,) = told
    assert "ValueError" in message
    assert "secret" not in message


async def test_a_disk_that_stalls_is_not_waited_for() -> None:
    told: list[str] = []
    over = threading.Event()

    class Held(Shelf):
        def look(self, text: str, language: str, *, least: int) -> Findings:
            over.wait(60)
            return Findings()

    resemblance = Resemblance(tell=told.append, patience=0.05)
    async with pipeline({"x = ": "1", "y = ": "2"}, resemblance=resemblance) as found:
        found.resemblance.use(Held())
        try:
            for name in "xy":
                assert projects(await found.complete(asked(f"{name} = █\n"))) == []
        finally:
            over.set()
    assert len(told) == 1
    assert "does not answer" in told[0]


async def test_what_is_asked_while_indexes_are_opened_waits_for_them() -> None:
    async with pipeline({"x = ": "total(items)"}) as found:
        found.resemblance.expect()
        asking = asyncio.create_task(found.complete(asked("x = █\n")))
        engine = found._engine
        assert isinstance(engine, Engine)
        await engine.call(0)
        await asyncio.sleep(0)
        assert not asking.done()
        found.resemblance.use(Shelf({"total(items)": MIT}))
        assert projects(await asyncio.wait_for(asking, 30)) == ["wheel:a 1.0"]


# What is looked at


def test_a_window_is_bounded_and_knows_its_lines() -> None:
    lines = (*(f"line_{number:04} = {number}\n" for number in range(1000)), "")
    document = Document(URI, "python", 1, lines, "a.py", "/w")
    place = Position(500, 0)
    borrowed = Borrowed()
    borrowed.take(URI, 1, lines[499].rstrip("\n"), Region(499, 499))
    borrowed.take(URI, 2, lines[501].rstrip("\n"), Region(501, 501))
    borrowed.take(URI, 3, lines[3].rstrip("\n"), Region(3, 3))
    window = window_around(document, place, place, "new\n", borrowed)
    begin, end = window.suggestion
    assert window.text[begin:end] == "new\n"
    assert 0.9 * BEFORE < begin <= BEFORE
    assert 0.9 * AFTER < len(window.text) - end <= AFTER
    assert window.text.startswith(lines[window.first])
    assert [window.text[low:high] for low, high in window.accepted] == [
        "line_0499 = 499",
        "line_0501 = 501",
    ]


def test_a_line_of_any_length_is_cut() -> None:
    document = Document(URI, "python", 1, ("x" * 100_000,), "a.py", "/w")
    place = Position(0, 50_000)
    window = window_around(document, place, place, "new", Borrowed())
    assert len(window.text) == BEFORE + AFTER + 3


def test_accepted_text_is_found_as_far_as_nobody_has_changed_it() -> None:
    borrowed = Borrowed()
    lines = ["def f():\n", "    a = 1\n", "    b = 2\n", "    return a\n", "x\n"]
    borrowed.take(URI, 1, "a = 1\n    b = 2\n    return a", Region(1, 3))

    def standing() -> list[str]:
        text = "".join(lines)
        return [text[low:high] for low, high in borrowed.spans(URI, lines, 0)]

    assert standing() == ["a = 1\n    b = 2\n    return a"]
    # Lines above move it; one that is edited is the user's.
    lines[:0] = ["import a\n", "\n"]
    borrowed.move(URI, [LineEdit(0, 0, 2)])
    lines[4] = "    b = 3\n"
    borrowed.move(URI, [LineEdit(4, 5, 0)])
    assert standing() == ["a = 1", "    return a"]
    borrowed.move(URI, [LineEdit(3, 6, -3)])
    del lines[3:6]
    assert standing() == []


def test_shares_are_counted_in_tokens() -> None:
    tokens = [(0, 3), (4, 5), (6, 9), (10, 20)]
    assert share(tokens, (0, 9), [(4, 9)]) == pytest.approx(2 / 3)
    assert share(tokens, (0, 20), [(0, 3), (0, 5)]) == 0.5
    assert share(tokens, (30, 40), [(0, 40)]) == 0.0
