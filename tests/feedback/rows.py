"""Rows to write."""

import itertools
from dataclasses import replace
from typing import Any

from lsp_server.feedback.records import Fate, Known, Suggestion

NOW = 1_790_000_000.0
_NUMBERS = itertools.count(1)


def suggestion(**changes: Any) -> Suggestion:
    number = next(_NUMBERS)
    row = Suggestion(
        id=number,
        at=NOW + number,
        language="python",
        surface="line",
        model="tiny",
        trigger="automatic",
        latency=100.0,
        length=12,
        lines=1,
        chance=None,
        was_part=False,
        was_kept=False,
        stood=1.5,
        shown_known=Known.INFERRED,
        fate=Fate.REJECTED,
        fate_known=Known.INFERRED,
        accepted=0,
        typed=0,
    )
    return replace(row, **changes)
