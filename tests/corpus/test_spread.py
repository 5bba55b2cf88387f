import itertools

from fimbul_models.corpus.spread import Share, Spread, as_table

FILES = [
    ("a", "python", 100),
    ("a", "python", 50),
    ("a", "bash", 10),
    ("b", "go", 30),
    ("b", "bash", 5),
    ("c", "bash", 1),
]


def test_secondary_languages_show() -> None:
    spread = Spread()
    for file in FILES:
        spread.take(*file)
    shares = {share.language: share for share in spread.shares()}
    assert list(shares) == ["python", "go", "bash"]
    assert shares["bash"] == Share(
        language="bash", files=3, size=16, repositories=3, first=1, behind=15
    )
    assert (shares["python"].first, shares["python"].behind) == (1, 0)
    assert "bash" in as_table(spread.shares())[3]
    assert as_table(spread.shares())[3].split() == ["bash", "3", "0.0", "3", "1", "93.8"]


def test_order_changes_nothing() -> None:
    found = set()
    for files in itertools.permutations([*FILES[:3], ("a", "bash", 140)]):
        spread = Spread()
        for file in files:
            spread.take(*file)
        found.add(tuple(spread.shares()))
    # As many bytes of both: the first by name is the repository's language.
    assert [share.first for share in found.pop()] == [1, 0]
    assert not found
