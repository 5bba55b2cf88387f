"""Type real code again as an editor would see it: what benchmarks replay, evaluations ask about.

A block of a file is taken out and typed in again key by key into an editor that indents, closes
brackets and quotes, and lets closers be typed over; with slips and corrections, pastes that are
taken back, imports that tools put in at the top, and looks at another file in between. Every
state of the document is a step, after which an editor would ask for a completion. `gaps` says how
long a typist takes from each to the next. Pure, and the same files give the same steps and gaps.
Knows nothing about windows, prompts, models.
"""

import math
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from lsp_server.text import split_lines
from lsp_server.types import Position

CLOSERS = {"(": ")", "[": "]", "{": "}"}
QUOTES = "\"'`"

SHORTEST_BLOCK, LONGEST_BLOCK = 30, 60
"""Lines of a block that is typed again."""

UNITS = ("\t", "  ", "    ", "        ")
"""Indentations that an editor may have been told to use."""

MEDIAN_GAP, SPREAD = 0.136, 0.48
"""Of the logarithmic normal distribution of the seconds between two keys. With the pauses below
the median of all gaps is about 150 ms, and a fifth of them are under 100 ms."""

BURST = 0.5
"""How much of the logarithm of a gap follows from the one before: quick keys come in bursts."""

ENTER_PAUSE = 0.4
"""Seconds that a typist thinks after Enter, besides the gap."""

THINK_EVERY, THINK_PAUSE = 25, 1.5
"""Keys between two longer pauses, on average, and their seconds, besides the gap."""

LOOK_PAUSE = 2.0
"""Seconds that a typist looks at a file that has just come up, besides the gap."""

_IMPORT = re.compile(r"(import|from|use|using|#include|require|const .*require)\b")


@dataclass(frozen=True, slots=True)
class Habits:
    """How often something other than the next key happens; 0 is never."""

    slip_every: int = 60
    """Keys between two slips of two letters, each taken back."""
    paste_every: int = 9
    """Lines between two pastes."""
    undo_every: int = 2
    """Pastes between two that are first taken back and done again."""
    import_every: int = 15
    """Lines between two imports that come with what is typed."""
    look_every: int = 20
    """Lines between two looks at another file."""


CALM = Habits()
BRISK = Habits(slip_every=45, paste_every=3, undo_every=1, import_every=0, look_every=4)
"""Everything soon, for whoever types a few lines only; what is typed is the file again."""


@dataclass(frozen=True, slots=True)
class Step:
    """One state of one document."""

    event: str
    """What led to it: ``key``, ``enter``, ``auto-close``, ``typed-over closer``, ``move``,
    ``correction``, ``paste``, ``undo``, ``import above``, ``tab switch``."""
    path: str
    lines: tuple[str, ...]
    position: Position
    rest: str = ""
    """What of the line is still to be typed, where that is certain."""
    following: str = ""
    """All that is still to be typed, where that is certain."""


@dataclass(frozen=True, slots=True)
class Block:
    """A part of a file that is taken out and typed again."""

    path: str
    above: str
    """What stands before it, without the last line ending."""
    text: str
    """The lines typed again, each after an Enter, without the last line ending."""
    below: str


def blocks(path: str, text: str) -> Iterator[Block]:
    """Yield the indented blocks of a file that have a length worth typing, from the top."""
    lines = split_lines(text)
    number = 0
    while number < len(lines):
        end = _block_end(lines, number)
        if SHORTEST_BLOCK <= end - number - 1 <= LONGEST_BLOCK:
            above, below = "".join(lines[: number + 1]), "".join(lines[end:])
            typed = "".join(lines[number + 1 : end])
            yield Block(path, _unended(above), _unended(typed), "\n" + below)
            number = end
        else:
            number += 1


def _block_end(lines: Sequence[str], header: int) -> int:
    """Return the line after the block that is indented below `header`."""
    if not lines[header].strip():
        return header + 1
    depth = _depth(lines[header])
    end = filled = header + 1
    while end < len(lines) and (not lines[end].strip() or _depth(lines[end]) > depth):
        end += 1
        if lines[end - 1].strip():
            filled = end
    return filled


def _depth(line: str) -> int:
    return len(line) - len(line.lstrip())


def _unended(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


@dataclass
class _Editor:
    """One open file in which a block is typed."""

    block: Block
    habits: Habits = CALM
    unit: str = "    "
    """By how much it indents what stands below an opening bracket."""
    left: str = ""
    """What was typed so far."""
    right: str = ""
    """What the editor put in behind the cursor."""
    imports: list[str] = field(default_factory=list)

    def step(self, event: str) -> Step:
        """Return the state after an event."""
        above = self.block.above
        for line in self.imports:
            at = _place_of_import(above)
            above = above[:at] + line + above[at:]
        before = above + self.left
        typed = split_lines(before)
        lines = tuple(split_lines(before + self.right + self.block.below))
        return Step(event, self.block.path, lines, Position(len(typed) - 1, len(typed[-1])))

    @property
    def line(self) -> str:
        """The typed part of the current line."""
        return split_lines(self.left)[-1]


def _place_of_import(text: str) -> int:
    """Return where an import goes: before the first one, or at the very top."""
    at = 0
    for line in split_lines(text):
        if _IMPORT.match(line):
            return at
        at += len(line)
    return 0


def unit_of(block: Block) -> str:
    """Return the indentation that most lines of the block's file begin with."""
    text = f"{block.above}\n{block.text}{block.below}"
    deeper = []
    lines = [line for line in split_lines(text) if line.strip()]
    for before, after in pairwise(lines):
        depth = before[: _depth(before)]
        if after.startswith(depth) and _depth(after) > len(depth):
            deeper.append(after[len(depth) : _depth(after)])
    return max(UNITS, key=deeper.count) if set(deeper) & set(UNITS) else "    "


def typed(block: Block, other: Block | None = None, habits: Habits = CALM) -> Iterator[Step]:
    """Yield a step for everything that happens while `block` is typed.

    `other` is looked at from time to time.
    """
    editor = _Editor(block, habits, unit_of(block))
    yield editor.step("tab switch")
    target = "\n" + block.text
    at = line = keys = pastes = pasted_at = 0
    while at < len(target):
        if target[at] == "\n":
            line += 1
            yield from _between_lines(editor, line, other)
            due = 0 < habits.paste_every <= line - pasted_at
            pasted = _pasted(editor, target, at) if due else ""
            if pasted:
                pastes, pasted_at = pastes + 1, line
                yield from _paste(editor, pasted, twice=_now(pastes, habits.undo_every))
                at += len(pasted)
                continue
        keys += 1
        if _now(keys, habits.slip_every) and target[at].isalpha():
            yield from _slip(editor)
        length, steps = _press(editor, target, at)
        at += length
        rest = target[at:].partition("\n")[0]
        yield from (replace(step, rest=rest, following=target[at:]) for step in steps)


def _now(number: int, every: int) -> bool:
    return every > 0 and number % every == 0


def _between_lines(editor: _Editor, line: int, other: Block | None) -> Iterator[Step]:
    if _now(line, editor.habits.import_every):
        editor.imports.append(f"import tool_{len(editor.imports)}\n")
        yield editor.step("import above")
    if _now(line, editor.habits.look_every) and other is not None:
        yield _Editor(other).step("tab switch")
        yield editor.step("tab switch")


def _slip(editor: _Editor) -> Iterator[Step]:
    before = editor.left
    for wrong in ("q", "qz"):
        editor.left = before + wrong
        yield editor.step("key")
    for wrong in ("q", ""):
        editor.left = before + wrong
        yield editor.step("correction")


def _pasted(editor: _Editor, target: str, at: int) -> str:
    """Return the next lines of the block if they can be pasted as they are."""
    if editor.right:
        return ""
    ends = [match.start() for match in re.finditer(r"\n|$", target[at + 1 :])]
    text = target[at : at + 1 + ends[min(3, len(ends) - 1)]]
    even = all(text.count(begin) == text.count(end) for begin, end in CLOSERS.items())
    return text if even and text.count("\n") > 1 else ""


def _paste(editor: _Editor, text: str, *, twice: bool) -> Iterator[Step]:
    before = editor.left
    if not editor.line.strip():
        # The line stays empty, as with Enter.
        before = before[: len(before) - len(editor.line)]
    editor.left = before + text
    yield editor.step("paste")
    if twice:
        editor.left = before
        yield editor.step("undo")
        editor.left = before + text
        yield editor.step("paste")


def _press(editor: _Editor, target: str, at: int) -> tuple[int, list[Step]]:
    """Type what comes next; return how much of the target that was."""
    key = target[at]
    if key == "\n":
        return _enter(editor, target, at)
    if editor.right.startswith(key) and key in (*CLOSERS.values(), *QUOTES):
        editor.left, editor.right = editor.left + key, editor.right[1:]
        return 1, [editor.step("typed-over closer")]
    editor.left += key
    closer = _closer(editor, target, at)
    editor.right = closer + editor.right
    return 1, [editor.step("auto-close" if closer else "key")]


def _closer(editor: _Editor, target: str, at: int) -> str:
    """Return what the editor puts behind the key, if the typist is going to need it."""
    key = target[at]
    if editor.right and editor.right[0] not in ")]}\"'` \n":
        return ""
    if key in CLOSERS:
        return CLOSERS[key] if _closes(target, at) else ""
    rest = target[at + 1 :].partition("\n")[0]
    after_word = at > 0 and (target[at - 1].isalnum() or target[at - 1] == key)
    return key if key in QUOTES and not after_word and rest.count(key) == 1 else ""


def _closes(target: str, at: int) -> bool:
    return target[_closing(target, at)] == CLOSERS[target[at]]


def _closing(target: str, at: int) -> int:
    """Return where the bracket at `at` ends, whatever ends it; the last place if nothing does."""
    depth = 0
    for place in range(at, len(target)):
        depth += (target[place] in CLOSERS) - (target[place] in CLOSERS.values())
        if depth == 0:
            return place
    return len(target) - 1


def _ends_alone(target: str, at: int) -> bool:
    """Tell whether nothing stands before the end of the bracket at `at` in the line of that."""
    return not target[: _closing(target, at)].rpartition("\n")[2].strip()


def _enter(editor: _Editor, target: str, at: int) -> tuple[int, list[Step]]:
    blank = re.match(r"\n[ \t]*", target[at:])
    assert blank is not None  # noqa: S101  # Whoever calls stands at a line break.
    length = blank.end()
    closing = re.match(r"\n[ \t]*([)\]}])", editor.right)
    if closing and target[at + length : at + length + 1] == closing[1]:
        # The bracket stands below already: the typist goes there, and puts it where it belongs.
        editor.left += blank[0] + closing[1]
        editor.right = editor.right[closing.end() :]
        return length + 1, [editor.step("move")]
    current = editor.line
    indentation = current[: len(current) - len(current.lstrip())]
    if not current.strip():
        # An editor takes the indentation of a line that stays empty away again.
        editor.left = editor.left[: len(editor.left) - len(current)]
    opened = CLOSERS.get(current[-1:])
    if opened and editor.right.startswith(opened) and _ends_alone(target, at - 1):
        editor.right = f"\n{indentation}{editor.right}"
    deeper = opened or (current.endswith(":") and editor.block.path.endswith((".py", ".pyi")))
    guess = indentation + (editor.unit if deeper else "")
    editor.left += "\n" + guess
    steps = [editor.step("enter")]
    wanted = blank[0][1:]
    if wanted != guess and not target[at + length :].startswith("\n"):
        editor.left = editor.left[: len(editor.left) - len(guess)] + wanted
        steps.append(editor.step("key"))
    return length, steps


def trace(found: Sequence[Block]) -> Iterator[Step]:
    """Yield the steps of typing all blocks, one after the other."""
    others = [*found[1:], *found[:1]]
    for block, other in zip(found, others, strict=True):
        yield from typed(block, other if other.path != block.path else None)


def gaps(steps: Sequence[Step], seed: int) -> Iterator[float]:
    """Yield the seconds after each step until the next, the same ones for the same seed."""
    chance = random.Random(seed)  # noqa: S311  # The same choice at every run.
    pace = chance.gauss()
    for step in steps:
        pace = BURST * pace + math.sqrt(1 - BURST**2) * chance.gauss()
        gap = MEDIAN_GAP * math.exp(SPREAD * pace)
        gap += ENTER_PAUSE * (step.event == "enter") + LOOK_PAUSE * (step.event == "tab switch")
        yield gap + THINK_PAUSE * (chance.random() < 1 / THINK_EVERY)
