"""Label the records of a corpus by hand, judge and fit what answers for a person.

What the command `fimbul-models label` does once its arguments are read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fimbul_models.corpus.active import ActiveRules, unlike_first
from fimbul_models.corpus.classifying import (
    LinearModel,
    fit_linear,
    judge,
    judgements_table,
    labelled,
)
from fimbul_models.corpus.keeping import RECORDS, read_rows, write_text
from fimbul_models.corpus.labelling import FeatureReader, Task, read_task
from fimbul_models.corpus.records import Record
from fimbul_models.corpus.reviewing import LabelFile, Review, in_turn, least_sure
from fimbul_models.errors import RecipeError


@dataclass(frozen=True)
class Work:
    """What is to be done."""

    task: Path
    records: Sequence[Path]
    """Parquet files of records, or folders of them."""
    labels: Path
    review: bool = False
    judge: bool = False
    fit: Path | None = None
    """Where the model goes."""
    seed: int = 1


def carry_out(options: Work) -> None:
    """Do what was asked for, in the order review, judge, fit.

    Raises RecipeError or SourceError if something cannot be read, written or does not fit.
    """
    if not (options.review or options.judge or options.fit):
        raise RecipeError("Nothing to do; give --review, --judge or --fit FILE.")
    task = read_task(options.task)
    reader = FeatureReader(task)
    records = read_records(options.records)
    labels = LabelFile(options.labels, task)
    if options.review:
        model = _model(task, reader, records, labels)
        number = _review(reader, records, labels, model, options.seed)
        print(f"{number} files were labelled; {len(labels)} labels are in {options.labels}.")
    known = labelled(reader, records, labels.of(records))
    if options.judge:
        print(judgements_table(task, judge(task, known)))
    if options.fit:
        model = fit_linear(task, reader, known)
        text = msgspec.json.format(msgspec.json.encode(model), indent=1).decode()
        write_text(options.fit, text + "\n")
        print(f"{len(known.labels)} labels were fitted; the model is in {options.fit}.")


def read_records(paths: Sequence[Path]) -> list[Record]:
    """Return the records of Parquet files, and of all those in folders.

    Raises RecipeError if there are none, SourceError if a file cannot be read.
    """
    files = [
        file
        for path in paths
        for file in (sorted(path.glob("*.parquet")) if path.is_dir() else [path])
    ]
    records = [record for file in files for record in read_rows(file, RECORDS)]
    if not records:
        raise RecipeError(f"There are no records in {', '.join(map(str, paths))}.")
    return records


def _model(
    task: Task, reader: FeatureReader, records: Sequence[Record], labels: LabelFile
) -> LinearModel | None:
    """Return a model of the labels so far; None while a class has no label."""
    known = labelled(reader, records, labels.of(records))
    return fit_linear(task, reader, known) if set(known.labels) == set(task.classes) else None


def _review(
    reader: FeatureReader,
    records: Sequence[Record],
    labels: LabelFile,
    model: LinearModel | None,
    seed: int,
) -> int:
    known = labels.of(records)
    if model is None:
        order, answers = in_turn(records, known, seed), {}
    else:
        seen = [record.text for record in records if record.key in known]
        order = least_sure(records, known, model, reader)
        order = unlike_first(order, records, seen, ActiveRules())
        given = model.answers(reader.read(records))
        answers = {record.key: one for record, one in zip(records, given, strict=True)}
    review = Review(
        reader.task, reader, labels, input, print, lambda record: answers.get(record.key, "")
    )
    return review.run([records[number] for number in order])
