"""Real answers of the default model, and what the filters make of them; see `golden/`.

Each file holds one language. A case draws the answer into the document around it: ├ begins it, ┤
ends it. `shown` is the text drawn in again, or the reason for none. UPDATE_GOLDEN=1 rewrites it.
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.stages.drawn import read_cases, rewrite, run

GOLDEN = Path(__file__).with_name("golden")
UPDATE = os.environ.get("UPDATE_GOLDEN") == "1"
CASES = [(path, case) for path in sorted(GOLDEN.glob("*.toml")) for case in read_cases(path)]


@pytest.mark.parametrize(
    ("path", "case"), CASES, ids=[f"{path.stem}: {case['name']}" for path, case in CASES]
)
def test_golden(path: Path, case: dict[str, Any]) -> None:
    shown = run(case, path.stem)
    if UPDATE:
        rewrite(path, case["name"], shown)
    else:
        assert shown == case["shown"]


def is_bad(case: dict[str, Any]) -> bool:
    return bool(case["given"] != case["shown"])


def test_there_are_bad_and_good_answers_in_many_languages() -> None:
    bad = Counter(path.stem for path, case in CASES if is_bad(case))
    good = Counter(path.stem for path, case in CASES if not is_bad(case))
    assert bad.total() >= 60
    assert good.total() >= 60
    assert len(bad) >= 6
    assert len(good) >= 6


def test_every_case_says_where_it_comes_from() -> None:
    assert all(case["from"] for _, case in CASES)
    assert len({(path, case["name"]) for path, case in CASES}) == len(CASES)
