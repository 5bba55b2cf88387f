"""The stage that drops what is not worth learning from: generated, encoded, broken, data.

Thresholds are those of published corpora (StarCoder2, arXiv 2402.19173; OpenCoder, arXiv
2411.04905; linguist) and stand in the rules; what a language may do besides stands in one table.
Files that served to find licences end here. Knows nothing about licences, secrets or duplicates.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import msgspec

from fimbul_models.corpus import text_measures as measures
from fimbul_models.corpus.breakage import breakage_of
from fimbul_models.corpus.generated import (
    generated_by_head,
    generated_by_path,
    is_compiled,
    is_minified,
)
from fimbul_models.corpus.reasons import Reason
from fimbul_models.corpus.records import Drop, Record, Role, dropped
from fimbul_models.corpus.roles import role_of


class QualityRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a file must be like. Every drop that a rule can make is off where its value is 0."""

    roles: tuple[Role, ...] = (Role.CODE, Role.TEST, Role.DOCUMENTATION)
    """Kinds of files that are taken."""
    generated: bool = False
    """Take what a program wrote, too."""
    fewest_lines: int = 5
    """Lines with something in them; OpenCoder wants 10, which loses many a small module."""
    fewest_characters: int = 50
    fewest_words: int = 30
    most_lines: int = 100_000
    longest_line: int = 1000
    """Characters."""
    longest_mean: int = 100
    """Characters a line, empty lines counted."""
    longest_prose_line: int = 100_000
    """The same for languages in which a paragraph is a line."""
    letters: float = 0.25
    """Least share of letters among characters that are no blanks."""
    digits: float = 0.3
    """Largest share of digits among characters that are no blanks. OpenCoder says 0.2."""
    numbers: float = 0.4
    """Largest share of words that are numbers."""
    strings: float = 0.75
    """Largest share of characters in strings: what is above is a table of texts. OpenCoder says
    0.6."""
    encoded_run: int = 1024
    """Characters of the longest stretch of encoded data."""
    encoded_share: float = 0.5
    data_lines: int = 512
    """Lines from which a file of a data format is data."""
    repeated_lines: float = 0.7
    """Largest share of lines that stand above already."""
    repeated_text: float = 0.8
    """Largest share of text in stretches of ten words which come more than once. OpenCoder says
    0.6, which some tests of good libraries are above."""
    parse_errors: float = 0.05
    """Largest share of bytes that does not parse."""
    truncated: bool = False
    """Take what ends in the middle of something, too."""


_DEFAULT = QualityRules()


@dataclass(frozen=True, slots=True)
class Leeway:
    """What a language may do that others may not."""

    is_no_code: bool = False
    """Nothing is ever programmed in it: files of it are data, whatever their length."""
    is_data: bool = False
    """It holds data as often as code: long files of it are dropped."""
    is_prose: bool = False
    """A paragraph is a line."""
    few_letters: bool = False
    """Marks and numbers are its letters."""
    strings: bool = False
    """Texts are what it is about."""
    parse_errors: float | None = 0.0
    """Allowed besides the rule's share, where the grammar is not up to what people write; None if
    it is not to be asked."""


_DATA = Leeway(is_data=True, few_letters=True, strings=True)

LEEWAYS: Mapping[str, Leeway] = {
    "json": _DATA,
    "yaml": replace(_DATA, parse_errors=0.05),
    "toml": _DATA,
    "xml": replace(_DATA, is_prose=True),
    "csv": replace(_DATA, is_no_code=True),
    "ini": _DATA,
    "gettext": replace(_DATA, is_no_code=True),
    "make-dependencies": replace(_DATA, is_no_code=True),
    "bibtex": replace(_DATA, is_no_code=True),
    # Templates of other languages stand in it, and Vue's and Svelte's components.
    "html": Leeway(is_prose=True, strings=True, parse_errors=None),
    "markdown": Leeway(is_prose=True, strings=True, parse_errors=None),
    "restructuredtext": Leeway(is_prose=True, strings=True),
    "latex": Leeway(is_prose=True),
    # Each database has a dialect of its own.
    "sql": Leeway(is_data=False, parse_errors=None),
    # Its ending covers SCSS and Less, which the grammar does not know.
    "css": Leeway(parse_errors=None),
    # Macros look like nothing that a grammar knows.
    "c": Leeway(parse_errors=0.15),
    "cpp": Leeway(parse_errors=0.15),
    "asm": Leeway(few_letters=True),
    "bash": Leeway(parse_errors=0.05),
    "php": Leeway(parse_errors=0.05),
}
"""Languages that differ, one a row."""

_NONE = Leeway()

_OTHER_LANGUAGE = 0.25
"""Share of errors above which a text does not break off: it is something else than it says."""

_FEW_DIGITS = 0.1
"""Share of digits below which no text is numbers."""

Verdict = tuple[Reason, str] | None
"""Why a file is dropped, and what exactly; None if it is not."""


@dataclass(frozen=True)
class Looked:
    """A file and what checks need of it."""

    record: Record
    rules: QualityRules
    lines: list[str] = field(init=False)
    language: Leeway = field(init=False)

    def __post_init__(self) -> None:
        lines = self.record.text.replace("\r\n", "\n").split("\n")
        object.__setattr__(self, "lines", lines)
        object.__setattr__(self, "language", LEEWAYS.get(self.record.language, _NONE))


def _of_role(file: Looked) -> Verdict:
    if file.record.role is Role.LEGAL:
        return Reason.LICENCE_FILE, ""
    if file.language.is_no_code:
        return Reason.DATA, f"the format is {file.record.language}"
    if file.record.role not in file.rules.roles:
        return Reason.ROLE, file.record.role.value
    return None


def _of_origin(file: Looked) -> Verdict:
    if file.rules.generated:
        return None
    if what := generated_by_path(file.record.path):
        return (Reason.MINIFIED if what.startswith("minified") else Reason.GENERATED), what
    if what := generated_by_head(file.lines) or is_compiled(file.record.language, file.lines):
        return Reason.GENERATED, what
    if what := is_minified(file.record.language, file.lines):
        return Reason.MINIFIED, what
    return None


def _of_size(file: Looked) -> Verdict:
    rules, text = file.rules, file.record.text
    filled = sum(1 for line in file.lines if line.strip())
    if filled < rules.fewest_lines:
        return Reason.TOO_SHORT, f"{filled} lines"
    if len(text) < rules.fewest_characters:
        return Reason.TOO_SHORT, f"{len(text)} characters"
    if (words := measures.count_words(text)) < rules.fewest_words:
        return Reason.TOO_SHORT, f"{words} words"
    if 0 < rules.most_lines < len(file.lines):
        return Reason.TOO_LONG, f"{len(file.lines)} lines"
    return None


def _of_lines(file: Looked) -> Verdict:
    longest = max(map(len, file.lines))
    mean = sum(map(len, file.lines)) / len(file.lines)
    if file.language.is_prose or file.language.is_data:
        if 0 < file.rules.longest_prose_line < longest:
            return Reason.LONG_LINES, f"{longest} characters"
        return None
    if 0 < file.rules.longest_line < longest:
        return Reason.LONG_LINES, f"{longest} characters"
    if 0 < file.rules.longest_mean < mean:
        return Reason.LONG_LINES, f"{mean:.0f} characters in the mean"
    return None


def _of_encoding(file: Looked) -> Verdict:
    longest, share = measures.encoded_shares(file.record.text)
    if 0 < file.rules.encoded_run < longest:
        return Reason.ENCODED, f"{longest} characters at one place"
    if 0 < file.rules.encoded_share < share:
        return Reason.ENCODED, f"{share:.0%} of it"
    return None


def _of_content(file: Looked) -> Verdict:
    rules, text, language = file.rules, file.record.text, file.language
    if language.is_data and 0 < rules.data_lines < len(file.lines):
        return Reason.DATA, f"{len(file.lines)} lines"
    if file.record.language not in ("xml", "html", "") and text[:100].lstrip().startswith("<?xml"):
        return Reason.DATA, "XML under another name"
    share = measures.digit_share(text)
    if 0 < rules.digits < share:
        return Reason.DATA, f"{share:.0%} digits"
    # Counting words is slow, and without digits none is a number.
    if share > _FEW_DIGITS and 0 < rules.numbers < (share := measures.number_share(text)):
        return Reason.DATA, f"{share:.0%} of the words are numbers"
    if not language.few_letters and (share := measures.letter_share(text)) < rules.letters:
        return Reason.FEW_LETTERS, f"{share:.0%} letters"
    if not language.strings and 0 < rules.strings < (share := measures.string_share(text)):
        return Reason.DATA, f"{share:.0%} in strings"
    return None


def _of_repetition(file: Looked) -> Verdict:
    share = measures.repeated_lines(file.lines)
    if 0 < file.rules.repeated_lines < share:
        return Reason.REPETITIVE, f"{share:.0%} of the lines"
    share = measures.repeated_text(file.record.text, file.lines)
    if 0 < file.rules.repeated_text < share:
        return Reason.REPETITIVE, f"{share:.0%} of the text"
    return None


def _of_syntax(file: Looked) -> Verdict:
    allowed = file.language.parse_errors
    if allowed is None or not (file.rules.parse_errors or not file.rules.truncated):
        return None
    found = breakage_of(file.record.language, file.record.text)
    if found.breaks_off and not file.rules.truncated and found.share <= _OTHER_LANGUAGE:
        return Reason.TRUNCATED, ""
    if file.rules.parse_errors > 0 and found.share > file.rules.parse_errors + allowed:
        return Reason.PARSE_ERRORS, f"{found.share:.0%} of it"
    return None


CHECKS: tuple[Callable[[Looked], Verdict], ...] = (
    _of_role,
    _of_origin,
    _of_size,
    _of_lines,
    _of_encoding,
    _of_content,
    _of_repetition,
    _of_syntax,
)
"""All checks, in their order: the first that objects gives the reason. Cheap ones come first."""


@dataclass(frozen=True)
class Quality:
    """Drops what is not worth learning from, and says what the other files are for."""

    rules: QualityRules = _DEFAULT
    name: str = "quality"

    def __call__(self, records: Iterable[Record]) -> Iterator[Record | Drop]:
        """Judge each file for itself."""
        for record in records:
            if record.role is not Role.LEGAL:
                role = role_of(record.path, record.language)
                record = msgspec.structs.replace(record, role=role)
            file = Looked(record, self.rules)
            for check in CHECKS:
                if verdict := check(file):
                    yield dropped(record, self.name, *verdict)
                    break
            else:
                yield record
