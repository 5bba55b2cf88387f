"""What a command prints, the questions it asks and the bars it draws.

Results go to one stream, bars and questions to the other, so that a command's output can be
piped. Knows nothing about what any command does.
"""

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TextIO

from tqdm import tqdm


@dataclass(frozen=True, slots=True)
class Console:
    """The two streams of a command, and whether somebody sits in front of them."""

    out: TextIO
    err: TextIO
    interactive: bool = False
    """Whether questions can be asked."""
    read: Callable[[], str] = input
    """Return one typed line; raises `EOFError` when there is none."""

    @classmethod
    def standard(cls) -> "Console":
        """Return the console of this process."""
        return cls(sys.stdout, sys.stderr, interactive=sys.stdin.isatty() and sys.stderr.isatty())

    def say(self, line: str) -> None:
        """Print a line of the result."""
        print(line, file=self.out, flush=True)

    def warn(self, line: str) -> None:
        """Print a line that is not part of the result."""
        print(line, file=self.err, flush=True)

    def ask(self, question: str) -> str | None:
        """Return the answer to `question`, stripped; None when the input has ended."""
        print(question, end=" ", file=self.err, flush=True)
        try:
            return self.read().strip()
        except EOFError:
            return None

    @property
    def shows_bars(self) -> bool:
        """Whether bars are drawn: on a terminal, or for a program that wants to read them."""
        return self.err.isatty() or wants_progress()

    def bar(self, total: int | None, title: str) -> "tqdm[Any]":
        """Return a bar that counts bytes up to `total`; see `shows_bars`."""
        return tqdm(
            total=total,
            desc=title,
            unit="B",
            unit_scale=True,
            file=self.err,
            disable=not self.shows_bars,
        )


def wants_progress() -> bool:
    """Return whether a program that started this one reads its bars (``FIMBUL_PROGRESS=1``)."""
    return os.environ.get("FIMBUL_PROGRESS") == "1"


def in_units(count: int) -> str:
    """Return a number of bytes for people, as in ``491 MB``; units of 1000, as disks are sold."""
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
