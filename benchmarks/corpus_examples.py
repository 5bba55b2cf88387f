"""How fast examples are cut out of repositories, and in which shares they come out.

    python -m benchmarks.corpus_examples --records WORK/sifted/0*.parquet [--model NAME]

Takes records that a corpus has gathered or sifted, one file a repository; cuts them in this
process, one repository after the other; says what came out and what it took. With --twice it cuts
everything again and compares. Ends with one line of JSON.
"""

import argparse
import json
import time
from collections import Counter
from pathlib import Path

import psutil
from tqdm import tqdm

from fimbul_models.corpus.counting import vocabulary_of
from fimbul_models.corpus.fim import Cutting, Example, FimRules, examples_in
from fimbul_models.corpus.keeping import RECORDS, read_rows
from lsp_server.config.options import DEFAULT_MODEL


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--records", type=Path, nargs="+", required=True)
    parser.add_argument(
        "--model", default=DEFAULT_MODEL, help=f"counts tokens; '' estimates ({DEFAULT_MODEL})"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--twice", action="store_true")
    options = parser.parse_args()
    cutting = Cutting(FimRules(model=options.model), options.seed, vocabulary_of(options.model))
    examples: list[Example] = []
    files = size = dropped = different = 0
    processor = psutil.Process().cpu_times
    began, spent = time.perf_counter(), _seconds(processor())
    for path in tqdm(options.records, unit="repository"):
        records = list(read_rows(path, RECORDS))
        made = cutting(records)
        files += len(records)
        size += sum(record.size for record in records)
        some = examples_in(made)
        dropped += len(made) - len(some)
        examples += some
        different += options.twice and cutting(records) != made
    seconds, work = time.perf_counter() - began, _seconds(processor()) - spent
    if options.twice:
        seconds, work = seconds / 2, work / 2
    for name in ("kind", "surface", "order", "context"):
        counts = Counter(getattr(one, name) or "none" for one in examples)
        shares = (f"{key} {count / len(examples):.1%}" for key, count in counts.most_common())
        print(f"{name}: {', '.join(shares)}")
    sources = Counter(source for one in examples for source in set(one.sources))
    print("sources:", ", ".join(f"{key} {count}" for key, count in sources.most_common()))
    prompts = sorted(one.prompt_tokens for one in examples)
    completions = sorted(one.completion_tokens for one in examples)
    print(
        json.dumps(
            {
                "repositories": len(options.records),
                "files": files,
                "megabytes": round(size / 1e6, 1),
                "examples": len(examples),
                "files without": dropped,
                "seconds": round(seconds, 1),
                "processor seconds": round(work, 1),
                "examples a second": round(len(examples) / seconds, 1),
                "prompt tokens, median and most": [prompts[len(prompts) // 2], prompts[-1]],
                "completion tokens, median and most": [
                    completions[len(completions) // 2],
                    completions[-1],
                ],
                "repositories that differ the second time": different if options.twice else None,
                "memory, megabytes": round(psutil.Process().memory_info().rss / 1e6),
            }
        )
    )


def _seconds(times: object) -> float:
    """Return processor seconds of this process and its children that have ended."""
    names = ("user", "system", "children_user", "children_system")
    return sum(float(getattr(times, name)) for name in names)


if __name__ == "__main__":
    main()
