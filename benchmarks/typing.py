"""How many tokens a key costs because of the prompt's text.

Replays typing (`fimbul_models.evaluation.traces`) through window, skeleton, hints and prompt, and
counts for every event the tokens of the prompt behind the first one that differs from the prompt
before it: what an engine that holds the last prompt has to evaluate before it can answer. No model
is evaluated; only the vocabulary of the default model is read. With --compare, says the same for
windows that are placed anew at every request, which takes minutes on long files. Prints a table
and, last, one line of JSON.

    python -m benchmarks.typing [--blocks N] [--hint-every N] [--compare] [FILE ...]
"""

import argparse
import ctypes
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import llama_cpp

from fimbul_models.evaluation.traces import Block, Step, blocks, trace
from lsp_server.completion.serving import chooser
from lsp_server.config.options import Settings
from lsp_server.config.paths import Paths
from lsp_server.context.skeleton import SKELETON_SHARE, skeleton_of
from lsp_server.context.window import Window, context_of, place_window
from lsp_server.inference.backend import common_length
from lsp_server.inference.vocabulary import Vocabulary
from lsp_server.prompt.build import build_prompt
from lsp_server.prompt.formats import FimFormat
from lsp_server.syntax.languages import comment_of, language_of_path
from lsp_server.syntax.tree import outline_of
from lsp_server.types import CompletionRequest, Document, ModelDescription, Prompt

ROOT = Path(__file__).parents[1]
FOLDERS = ("examples", "lsp_server")
"""Where the files come from that are typed if none are given."""

HINT = "get(url: str, timeout: float = 30.0) -> Response"
"""A comment as long as the hints that are found after a dot."""

Place = Callable[[CompletionRequest, Window | None], Window]


class Replay:
    """Prompts for the steps of a trace, with the settings and the model that users start with."""

    def __init__(self, fim: FimFormat, vocabulary: Vocabulary, hint_every: int) -> None:
        self._fim = fim
        self._vocabulary = vocabulary
        self._hint_every = hint_every
        self._settings = Settings()
        self.count_tokens = lru_cache(maxsize=None)(vocabulary.count)

    def costs(self, steps: Sequence[Step], *, remember: bool) -> Iterator[tuple[str, int]]:
        """Yield each event and the tokens it makes new."""
        windows: dict[str, Window] = {}
        before: list[int] = []
        dots = 0
        for step in steps:
            window = self._place(step, windows.get(step.path) if remember else None)
            event = step.event
            if step.event == "key" and window.document.line(window.position.line).endswith("."):
                dots += 1
                if self._hint_every and dots % self._hint_every == 0:
                    window = window.with_hint(window.position.line, self._hint(step.path))
                    event = "hint"
            windows[step.path] = window
            prompt = build_prompt(context_of(window), self._fim, self._settings.prompt)
            now = self.tokens(prompt)
            yield event, len(now) - common_length(before, now)
            before = now

    def _hint(self, path: str) -> str:
        begin, end = comment_of("", path)
        return f"{begin}{HINT}{end}"

    def _place(self, step: Step, previous: Window | None) -> Window:
        options = self._settings.context
        document = Document(f"file:///{step.path}", "", 1, step.lines, step.path)
        request = CompletionRequest(document, step.position)
        share = options.prefix_tokens // SKELETON_SHARE
        window = place_window(request, options, self.count_tokens, previous, skeleton_tokens=share)
        language = language_of_path(step.path)
        if not window.wants_skeleton or language is None:
            return window
        outline = outline_of(language, step.lines)
        mark = comment_of("", step.path)
        return window.with_skeleton(*skeleton_of(window, outline, mark, share, self.count_tokens))

    def tokens(self, prompt: Prompt) -> list[int]:
        """Return the tokens of a prompt as the engine makes them."""
        found = list(self._vocabulary.starts())
        for segment in prompt.segments:
            if segment.special:
                found.append(self._vocabulary.special(segment.text))
            else:
                found.extend(self._vocabulary.tokenize(segment.text))
        return found


def summary(costs: Sequence[tuple[str, int]]) -> dict[str, dict[str, Any]]:
    """Return the figures of all events and of each kind of event, the frequent ones first."""
    kinds: dict[str, list[int]] = {"all": []}
    for event, cost in costs:
        kinds["all"].append(cost)
        kinds.setdefault(event, []).append(cost)
    ordered = sorted(kinds.items(), key=lambda item: -len(item[1]))
    return {event: _figures(values) for event, values in ordered}


def _figures(values: Sequence[int]) -> dict[str, Any]:
    ordered = sorted(values)
    return {
        "events": len(ordered),
        "p50": ordered[len(ordered) // 2],
        "p95": ordered[min(len(ordered) - 1, len(ordered) * 95 // 100)],
        "mean": round(statistics.mean(ordered), 1),
        "max": ordered[-1],
    }


def read_blocks(paths: Sequence[Path]) -> list[Block]:
    """Return what is typed of each file."""
    found: list[Block] = []
    for path in paths:
        name = str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name
        text = path.read_text(encoding="utf-8", errors="replace")
        found += blocks(name, text)
    return found


def read_vocabulary(path: Path) -> Vocabulary:
    """Read the vocabulary of a model file and nothing else of it."""
    quiet = llama_cpp.llama_log_callback(lambda *_arguments: None)
    llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    parameters = llama_cpp.llama_model_default_params()
    parameters.vocab_only = True
    model = llama_cpp.llama_model_load_from_file(str(path).encode(), parameters)
    llama_cpp.llama_log_set(llama_cpp.llama_log_callback(), ctypes.c_void_p(0))
    return Vocabulary(llama_cpp.llama_model_get_vocab(model))


def table(found: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[str]:
    """Yield the lines of a table of all events, kinds of windows side by side."""
    columns = ("p50", "p95", "mean", "max")
    yield f"{'':<18}{'':>8}" + "".join(f"{kind:>32}" for kind in found)
    yield f"{'event':<18}{'events':>8}" + "".join(f"{name:>8}" for _ in found for name in columns)
    first = next(iter(found.values()))
    for event, figures in first.items():
        cells = "".join(
            f"{values[event][name]:>8}" for values in found.values() for name in columns
        )
        yield f"{event:<18}{figures['events']:>8}{cells}"


def main() -> None:
    """Replay and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE")
    parser.add_argument("--blocks", type=int, default=6, help="most blocks, spread over the files")
    parser.add_argument("--hint-every", type=int, default=3, help="dots to a hint; 0 is none")
    parser.add_argument("--compare", action="store_true")
    arguments = parser.parse_args()
    own = [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    typed = read_blocks([path.resolve() for path in arguments.files] or own)
    typed = typed[:: -(-len(typed) // arguments.blocks) or 1]
    chosen = chooser(Paths.of_user())(Settings())
    vocabulary = read_vocabulary(chosen.file.path)
    description = ModelDescription(
        "", "", 0, 0, vocabulary.fim_tokens(), frozenset(vocabulary.special_texts())
    )
    replay = Replay(chosen.fim_format(description), vocabulary, arguments.hint_every)
    steps = list(trace(typed))
    found = {
        kind: summary(list(replay.costs(steps, remember=remember)))
        for kind, remember in (("window that follows", True), ("placed anew", False))
        if remember or arguments.compare
    }
    sys.stdout.write("".join(f"{line}\n" for line in table(found)))
    facts = {"files": len({block.path for block in typed}), "blocks": len(typed)}
    facts["lines"] = sum(block.text.count("\n") + 1 for block in typed)
    sys.stdout.write(json.dumps({**facts, **found}) + "\n")


if __name__ == "__main__":
    main()
