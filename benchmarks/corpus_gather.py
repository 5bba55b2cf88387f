"""What a recipe's repositories hold, before any filter, and what reading them costs.

    python -m benchmarks.corpus_gather [--recipe FILE] [--packages DIR] [--limit N]

Fetches what is not there yet. Languages are those of file names; reasons are those of gathering
alone. Ends with one line of JSON.
"""

import argparse
import resource
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from fimbul_models.corpus.gathering import GatherRules, read_unit
from fimbul_models.corpus.planning import Planner
from fimbul_models.corpus.recipe import read_corpus_recipe
from fimbul_models.corpus.records import Drop, Role
from fimbul_models.corpus.spread import Spread, as_table
from fimbul_models.corpus.units import Places, Unit
from lsp_server.config.paths import Paths
from lsp_server.syntax.languages import language_of_path

RECIPE = Path(__file__).parents[1] / "models" / "recipes" / "open-corpus.toml"


def main(arguments: list[str] | None = None) -> int:
    """Read everything once, and say what there is."""
    options = _options(arguments)
    recipe = read_corpus_recipe(options.recipe)
    planner = Planner(
        Places(
            recipe=options.recipe.parent,
            packages=options.packages,
            repositories=options.packages / "repositories",
        ),
        recipe.gather,
        recipe.packages,
        tell=lambda line: print(line, file=sys.stderr),
    )
    started = time.perf_counter()
    units = planner.list_all(recipe.sources)
    planned = time.perf_counter()
    values = measure(units[: options.limit], recipe.gather)
    values |= {"fetch_s": round(planned - started, 1)}
    values |= {"read_s": round(time.perf_counter() - planned, 1)}
    values |= {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024}
    print(msgspec.json.encode(values).decode())
    return 0


def measure(units: list[Unit], rules: GatherRules) -> dict[str, Any]:
    """Read `units` and return what they hold; print tables of it."""
    spread, reasons, lost = Spread(), Counter[str](), Counter[str]()
    roles, largest = Counter[str](), Counter[str]()
    for unit in tqdm(units, desc="reading", file=sys.stderr):
        for came in read_unit(unit, rules):
            if isinstance(came, Drop):
                reasons[came.reason.value] += 1
                lost[came.reason.value] += came.size
            else:
                roles[came.role.value] += 1
                largest[unit.repository] += came.size
                if came.role is Role.CODE:
                    language = language_of_path(came.path)
                    spread.take(unit.repository, language.name if language else "", came.size)
    shares = spread.shares()
    print("\n".join(as_table(shares)))
    for reason, count in reasons.most_common():
        print(f"dropped as {reason}: {count} files, {lost[reason] / 1e6:.1f} MB")
    for name, size in largest.most_common(8):
        print(f"{name}: {size / 1e6:.1f} MB of text")
    known = [share for share in shares if share.language]
    return {
        "repositories": len(units),
        "files": roles.total(),
        "text_mb": round(sum(largest.values()) / 1e6, 1),
        "known_language_mb": round(sum(share.size for share in known) / 1e6, 1),
        "languages": len(known),
        "roles": dict(roles),
        "dropped": dict(reasons),
    }


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--recipe", type=Path, default=RECIPE, metavar="FILE")
    parser.add_argument(
        "--packages", type=Path, default=Paths.of_user().cache / "wheels", metavar="DIR"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N repositories")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
