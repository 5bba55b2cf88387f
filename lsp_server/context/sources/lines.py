"""Sources that look for lines like those being written, in files that are likely to have them.

Lines of a file are compared by the Jaccard similarity of their words, identifiers split into
their parts; the index ranks the whole repository by BM25 over the same words. Pure over the
repository.
"""

from collections.abc import Callable, Iterable, Sequence

from lsp_server.context.candidate import WIDEST, Candidate, Question
from lsp_server.context.filenames import folder_of, name_of
from lsp_server.context.words import identifiers, words
from lsp_server.text import strip_ending

WINDOW = 12
"""Lines that are shown of a file. Peers show 20 to 60; here a token costs 7 ms of the user's
time."""

STEP = 6
"""Lines between the beginnings of two windows that are compared."""

FILES = 4
"""Files that a source looks into."""

USAGES = 4
"""Places that use the same symbol, at most."""

_LONGEST_FILE = 3000
"""Lines of a file that are compared."""

_LEAST_ALIKE = 0.08
"""Jaccard similarity below which lines are not alike."""

_AROUND_USAGE = (2, 3)
"""Lines shown above and below one that uses a symbol."""

_SHORTEST_NAME = 3
"""Code points of the shortest name whose usages are looked for."""

_Why = Callable[[str], str]

_TWIN_MARKS = ("test_", "_test", ".test", ".spec", "_spec", "Test", "Tests", "Spec")


def shared_imports(question: Question) -> list[Candidate]:
    """Return lines like those near the cursor from files that import the same modules."""
    modules = sorted({item.module for item in question.place.outline.imports})
    counts = question.repository.importers(modules)
    ranked = sorted(
        _with_endings(counts, _endings(question)),
        key=lambda path: (-counts[path], path),
    )
    return _alike(question, "shared-imports", ranked, lambda path: f"shares {counts[path]} imports")


def same_folder(question: Question) -> list[Candidate]:
    """Return lines like those near the cursor from files of the same folder."""
    endings = _endings(question)
    near = question.files.inside(folder_of(question.place.document.path), endings)
    ranked = _with_endings(near, endings)
    return _alike(question, "same-folder", ranked, lambda _path: "in the same folder")


def similar_names(question: Question) -> list[Candidate]:
    """Return lines like those near the cursor from files with a similar name."""
    own = _name_words(question.place.document.path)
    # A word of a name is a part of it, which is quicker to look for than to split all names.
    near = (
        path
        for path in _with_endings(question.repository.paths(), _endings(question))
        if any(word in name_of(path).lower() for word in own)
    )
    scores = {path: _jaccard(own, _name_words(path)) for path in near}
    ranked = sorted(
        (path for path, score in scores.items() if score > 0),
        key=lambda path: (-scores[path], path),
    )
    return _alike(question, "similar-names", ranked, lambda _path: "has a similar name")


def twin(question: Question) -> list[Candidate]:
    """Return lines like those near the cursor from the test of this file, or what it tests."""
    own = _bare_name(question.place.document.path)
    tests = _is_test(question.place.document.path)
    ranked = [
        path
        for path in _with_endings(question.repository.paths(), _endings(question))
        if _is_test(path) != tests and _bare_name(path) == own
    ]
    why = "is tested here" if tests else "tests this file"
    return _alike(question, "twin", ranked, lambda _path: why)


def tabs(question: Question) -> list[Candidate]:
    """Return lines of other open documents: around the last place visited, and the most alike."""
    found = []
    for path in question.open_paths[:FILES]:
        lines = question.repository.lines(path)
        if lines is None:
            continue
        visited = next((visit for visit in question.past.visits if visit.path == path), None)
        if visited is not None:
            first = max(0, visited.line - WINDOW // 2)
            found.append(_cut("tabs", path, lines, (first, first + WINDOW), "visited lately"))
        found += _alike(question, "tabs", [path], lambda _path: "open in another tab")
    return [candidate for candidate in found if candidate is not None]


def usages(question: Question) -> list[Candidate]:
    """Return places that use the symbols of the current line.

    Only names that some file of the repository defines count, the last one typed first.
    """
    line = question.place.typed
    typed = [name for name in reversed(list(identifiers(line))) if len(name) >= _SHORTEST_NAME]
    if not typed:
        return []
    known = {
        found.definition.name for found in question.repository.definitions_named(sorted(set(typed)))
    }
    known |= {definition.name for definition in question.place.outline.definitions}
    wanted = [name for name in dict.fromkeys(typed) if name in known]
    candidates: list[Candidate] = []
    for name in wanted[:3]:
        similar = question.repository.similar_lines(
            [name.lower()], _endings(question), limit=USAGES * 2
        )
        for found in similar:
            candidate = _usage(question, name, found.path, range(found.first_line, found.end_line))
            if candidate is not None and candidate not in candidates:
                candidates.append(candidate)
    return candidates[:USAGES]


def similar(question: Question) -> list[Candidate]:
    """Return the lines of the whole repository that are most like those near the cursor."""
    found = question.repository.similar_lines(question.words, _endings(question), limit=8)
    candidates = []
    for item in found:
        lines = question.repository.lines(item.path)
        if lines is not None:
            inside = (item.first_line, item.end_line)
            best = _best(question, item.path, lines, inside)
            span = best[1] if best else (item.first_line, item.first_line + WINDOW)
            candidates.append(
                _cut("similar", item.path, lines, span, "like the lines near the cursor")
            )
    return [candidate for candidate in candidates if candidate is not None]


def _alike(question: Question, source: str, paths: Iterable[str], why: _Why) -> list[Candidate]:
    """Return the best window of each of the first files, the most alike first."""
    found: list[tuple[float, Candidate]] = []
    for path in list(paths)[:FILES]:
        lines = question.repository.lines(path)
        best = _best(question, path, lines, (0, len(lines))) if lines is not None else None
        if lines is not None and best is not None:
            score, span = best
            candidate = _cut(source, path, lines, span, why(path))
            if candidate is not None:
                found.append((score, candidate))
    return [candidate for _, candidate in sorted(found, key=lambda item: (-item[0], item[1].path))]


def _best(
    question: Question, path: str, lines: Sequence[str], inside: tuple[int, int]
) -> tuple[float, tuple[int, int]] | None:
    """Return the window of a file that is most alike, and how much it is; None if none is."""
    first, end = inside[0], min(inside[1], len(lines), inside[0] + _LONGEST_FILE)
    best: tuple[float, tuple[int, int]] | None = None
    for begin in range(first, max(first + 1, end - WINDOW + STEP), STEP):
        middle, last = min(begin + STEP, end), min(begin + WINDOW, end)
        # Two windows share a half, so halves are split into words, not windows.
        there = question.words_of(path, lines, begin, middle)
        there |= question.words_of(path, lines, middle, last)
        score = _jaccard(question.word_set, there)
        if score > (best[0] if best else _LEAST_ALIKE):
            best = score, (begin, last)
    return best


def _jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    shared = len(one & other)
    return shared / (len(one) + len(other) - shared) if shared else 0.0


def _cut(
    source: str, path: str, lines: Sequence[str], span: tuple[int, int], why: str
) -> Candidate | None:
    first, end = span[0], min(span[1], len(lines))
    while first < end and not lines[first].strip():
        first += 1
    while end > first and not lines[end - 1].strip():
        end -= 1
    rows = [strip_ending(line) for line in lines[first:end]]
    if not rows or any(len(row) > WIDEST for row in rows):
        return None
    return Candidate(source, path, "".join(f"{row}\n" for row in rows), first, end, why)


def _usage(question: Question, name: str, path: str, rows: range) -> Candidate | None:
    lines = question.repository.lines(path)
    if lines is None:
        return None
    elsewhere = _no_usages(question, name, path)
    for row in rows:
        if row < len(lines) and row not in elsewhere and name in identifiers(lines[row]):
            above, below = _AROUND_USAGE
            span = (max(rows.start, row - above), min(row + below + 1, rows.stop))
            return _cut("usages", path, lines, span, f"uses {name}")
    return None


def _no_usages(question: Question, name: str, path: str) -> frozenset[int]:
    """Return the lines on which a name is imported or defined."""
    outline = question.repository.outline(path)
    imports = [row for item in outline.imports for row in range(item.first_line, item.end_line)]
    heads = [
        row
        for item in outline.definitions
        if item.name == name
        for row in range(item.first_line, max(item.body_line, item.first_line + 1))
    ]
    return frozenset((*imports, *heads))


def _endings(question: Question) -> tuple[str, ...]:
    ending = _ending(question.place.document.path)
    return next((group for group in _FAMILIES if ending in group), (ending,))


def _with_endings(paths: Iterable[str], endings: tuple[str, ...]) -> list[str]:
    """Return those of `paths` whose names end so; a name without ending fits only an empty one."""
    return [path for path in paths if path.endswith(endings) and _ending(path) in endings]


def _ending(path: str) -> str:
    name = name_of(path)
    dot = name.rfind(".")
    return name[dot:] if 0 < dot < len(name) - 1 else ""


_FAMILIES = (
    (".py", ".pyi"),
    (".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx", ".mts", ".cts"),
    (".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp"),
    (".kt", ".kts", ".java"),
)
"""File name endings of languages that share text."""


def _name_words(path: str) -> frozenset[str]:
    return frozenset(words(name_of(path).partition(".")[0]))


def _is_test(path: str) -> bool:
    name = name_of(path)
    return any(mark in name for mark in _TWIN_MARKS)


def _bare_name(path: str) -> str:
    name = name_of(path)
    for mark in _TWIN_MARKS:
        name = name.replace(mark, "")
    return name.partition(".")[0].lower()
