"""Choose files and places to label or to train on, from records, likelihoods and feedback on disk.

What the command `fimbul-models choose` does once its arguments are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from fimbul_models.corpus.active import (
    FEEDBACK,
    ActiveRules,
    Candidate,
    choose,
    located,
    read_corrections,
    read_likelihoods,
    unsure_places,
)
from fimbul_models.corpus.keeping import write_text
from fimbul_models.corpus.labels import read_records
from fimbul_models.errors import RecipeError


@dataclass(frozen=True)
class Choice:
    """What is to be done."""

    records: Sequence[Path]
    """Parquet files of records, or folders of them."""
    output: Path
    likelihoods: Path | None = None
    feedback: Path | None = None
    """The user's store of feedback; only read if it is named."""
    rules: ActiveRules = field(default_factory=ActiveRules)


def carry_out(choice: Choice) -> None:
    """Choose, write a line of JSON for each that was chosen, and say how many there are.

    Text is written only of corrections that stand in no file of the records. Raises RecipeError,
    SourceError or FeedbackError if something cannot be read, written or does not fit.
    """
    if choice.likelihoods is None and choice.feedback is None:
        raise RecipeError("Nothing tells what to choose; give --likelihoods, --feedback or both.")
    records = read_records(choice.records)
    candidates: list[Candidate] = []
    if choice.likelihoods is not None:
        candidates += unsure_places(records, read_likelihoods(choice.likelihoods), choice.rules)
    if choice.feedback is not None:
        candidates += located(read_corrections(choice.feedback), records)
    chosen = choose(candidates, choice.rules)
    write_text(choice.output, "".join(_line(one) for one in chosen))
    corrected = sum(one.corrected > 0 for one in chosen)
    print(
        f"{len(chosen)} of {len(candidates)} were chosen, {corrected} of them corrections; they are"
        f" in {choice.output}."
    )


def _line(one: Candidate) -> str:
    told = {
        "key": one.key,
        "offset": one.offset,
        "language": one.language,
        "likelihood": one.likelihood,
        "corrected": one.corrected,
        "fate": one.fate,
    }
    if one.repository == FEEDBACK:
        told |= {"suggested": one.suggested, "became": one.text}
    return msgspec.json.encode(told).decode() + "\n"
