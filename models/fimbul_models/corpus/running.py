"""Run a step over all repositories of a corpus: what is done already is not done again.

Knows nothing about what a step does.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from fimbul_models.corpus.engines import Died, Engine
from fimbul_models.corpus.keeping import RECORDS, write_rows
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Counts, Drop
from fimbul_models.corpus.steps import (
    Cost,
    Gather,
    Place,
    Result,
    find_crashing,
    finish,
    read_result,
    rows_of,
)
from fimbul_models.errors import SourceError


@dataclass
class Run:
    """One run of the pipeline: by what, where, and what it has cost so far."""

    work: Path
    engine: Engine
    tell: Callable[[str], None]
    progress: bool = True
    """Draw bars."""
    costs: list[Cost] = field(default_factory=list)

    def run(self, step: Any, places: Sequence[Place]) -> list[Result]:
        """Have `step` done for all `places`; return what it made of each, in their order.

        Raises SourceError if a result cannot be written, or is not there in the end.
        """
        left = [place for place in places if read_result(self.work, step.name, place) is None]
        # Large ones first would be quicker, but then one that is cut short has more to lose.
        with tqdm(
            total=len(places),
            initial=len(places) - len(left),
            desc=step.name,
            unit="repository",
            disable=None if self.progress else True,
        ) as bar:
            for came in self.engine.map(step, left):
                cost = self._after_death(step, came.task) if isinstance(came, Died) else came.result
                if cost is not None:
                    self.costs.append(cost)
                bar.update()
        return [self._result(step, place) for place in places]

    def _after_death(self, step: Any, place: Place) -> Cost | None:
        self.tell(
            f"{place.name}: its process ended while it was {step.name}; looking for the file."
        )
        if isinstance(step, Gather):
            write_rows(rows_of(self.work, step.name, place), RECORDS, ())
            drop = Drop(f"{place.unit.repository}\n", step.name, Reason.CRASHED)
            count = Counts("gather")
            count.take(drop, 0)
            finish(self.work, step.name, place, [count], [drop])
            return None
        found = find_crashing(step, place, step.before)
        for came in self.engine.map(found, [place]):
            if isinstance(came, Died):
                raise SourceError(
                    f"The process that worked on {place.unit.repository} was ended again and again,"
                    " though none of its files does that by itself; is there enough memory?"
                )
            return came.result  # type: ignore[no-any-return]
        return None

    def _result(self, step: Any, place: Place) -> Result:
        result = read_result(self.work, step.name, place)
        if result is None:
            raise SourceError(
                f"{place.unit.repository}: nothing was {step.name}. If other machines did it, do"
                f" they see the folder {self.work}?"
            )
        return result


def total(results: Iterable[Result]) -> list[Counts]:
    """Return what went through each stage over all repositories, in the order of the stages."""
    sums: dict[str, Counts] = {}
    for result in results:
        for count in result.counts:
            into = sums.setdefault(count.stage, Counts(count.stage))
            into.files_in += count.files_in
            into.files_out += count.files_out
            into.bytes_in += count.bytes_in
            into.bytes_out += count.bytes_out
            for reason, number in count.reasons.items():
                into.reasons[reason] = into.reasons.get(reason, 0) + number
    return list(sums.values())
