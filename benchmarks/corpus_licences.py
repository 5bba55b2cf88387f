"""Licences: decisions against labels, and over real packages what strictness costs.

Labels are the cases of the tests. ``--recipe FILE`` goes through the packages of a recipe of a
corpus as well, which are fetched if they are not there. Ends with one line of JSON.
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from fimbul_models.corpus.gathering import read_unit
from fimbul_models.corpus.licence_costs import strictness
from fimbul_models.corpus.licences import LicenceStage
from fimbul_models.corpus.planning import Planner
from fimbul_models.corpus.recipe import read_corpus_recipe
from fimbul_models.corpus.records import Drop, Record, Role
from fimbul_models.corpus.units import Places
from lsp_server.config.paths import Paths
from tests.corpus.licence_cases import CASES, GOOD, became


def against_labels() -> dict[str, Any]:
    """Judge every labelled case; return how many were kept and should have been."""
    counts = {"cases": len(CASES), "good": 0, "kept": 0, "wrong": 0}
    kinds: Counter[str] = Counter()
    for case in CASES:
        if case.get("denied") or case.get("allowed"):
            continue
        kept = isinstance(became(case), Record)
        good = case["truth"] in GOOD
        counts["good"] += good
        counts["kept"] += kept and good
        counts["wrong"] += kept and not good
        kinds[case["kind"]] += 1
    chosen = counts["kept"] + counts["wrong"]
    precision, recall = counts["kept"] / chosen, counts["kept"] / counts["good"]
    print(f"{len(CASES)} cases ({', '.join(f'{n} {kind}' for kind, n in sorted(kinds.items()))})")
    print(f"precision {precision:.3f}, recall {recall:.3f}; {counts}")
    return counts | {"precision": precision, "recall": recall}


def over_packages(path: Path, show: int, every: int) -> dict[str, Any]:
    """Go through the packages of a recipe; return what each policy would keep."""
    recipe = read_corpus_recipe(path)
    cache = Paths.of_user().cache
    places = Places(
        recipe=path.parent, packages=cache / "wheels", repositories=cache / "repositories"
    )
    units = Planner(places, recipe.gather, recipe.packages[::every]).list_all(recipe.sources)
    stage, came = LicenceStage(), []
    seconds, size = 0.0, 0
    licences: Counter[str] = Counter()
    for unit in units:
        records = [one for one in read_unit(unit, recipe.gather) if isinstance(one, Record)]
        began = time.perf_counter()
        judged = list(stage(records))
        seconds += time.perf_counter() - began
        size += sum(record.size for record in records)
        for one in judged:
            is_file = isinstance(one, Drop) or one.role is not Role.LEGAL
            name = f"- {one.reason}" if isinstance(one, Drop) else one.licence
            licences[name] += is_file
        # Texts are not needed any more.
        came += [
            one if isinstance(one, Drop) else msgspec.structs.replace(one, text=" " * one.size)
            for one in judged
        ]
        _tell(unit.repository, judged, show)
    kept = strictness(came)
    for policy, count in kept.items():
        print(
            f"{policy:36} {count.files:7} files {count.file_share:6.1%}"
            f" {count.bytes / 1e6:8.1f} MB {count.byte_share:6.1%}"
        )
    print(f"{len(units)} repositories, {size / 1e6:.1f} MB, {seconds:.0f} s of one core")
    print("; ".join(f"{name} {count}" for name, count in licences.most_common(16)))
    return {
        "repositories": len(units),
        "bytes": size,
        "seconds": round(seconds, 1),
        "policies": msgspec.to_builtins(kept),
        "licences": dict(licences.most_common(40)),
    }


def _tell(repository: str, judged: list[Record | Drop], show: int) -> None:
    said = Counter(
        f"{one.reason}: {one.detail}" if isinstance(one, Drop) else one.licence
        for one in judged
        if isinstance(one, Drop) or one.role is not Role.LEGAL
    )
    for name, count in said.most_common(show):
        print(f"{repository:44} {count:6} {name[:160]}")


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, help="recipe of a corpus, to go through")
    parser.add_argument("--show", type=int, default=0, help="licences named of each package")
    parser.add_argument("--every", type=int, default=1, help="take only each so-many-th package")
    asked = parser.parse_args()
    figures: dict[str, Any] = {"labels": against_labels()}
    if asked.recipe:
        figures["packages"] = over_packages(asked.recipe, asked.show, asked.every)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
