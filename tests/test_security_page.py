"""SECURITY.md names only tests and modules that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACES = (ROOT, ROOT / "lsp_server", ROOT / "tests" / "guard")


def test_what_the_page_names_exists() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[\w.-]+/)+(?:[\w-]+\.py)?|test_\w+\.py)`", text))
    assert len(named) > 20
    missing = {name for name in named if not any((place / name).exists() for place in PLACES)}
    assert not missing


def test_every_claim_has_a_test_or_says_that_it_has_none() -> None:
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    claims = text.partition("| claim |")[2].partition("\n\n")[0].splitlines()[2:]
    assert len(claims) > 10
    for row in claims:
        test = row.split("|")[3]
        assert "tests/" in test or "none of its own" in test, row
