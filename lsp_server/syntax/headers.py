"""Texts that go into an outline: signatures, first sentences of comments, base classes.

Pure functions over strings; they know neither trees nor a particular language's grammar.
"""

import re
from collections.abc import Sequence

Marks = tuple[str, tuple[str, str] | None]
"""What begins a comment up to the line's end, and what stands around a longer one."""

SIGNATURE_LIMIT = 300
"""Code points of a signature; longer ones are cut."""
VALUE_LIMIT = 120
"""Code points of a statement that gives a field or variable its value."""
DOC_LIMIT = 160
"""Code points of a first sentence."""
_COMMENT_LINES = 60
"""How far above a definition the beginning of its comment is looked for."""

_BLANKS = re.compile(r"\s+")
_AFTER_OPENING = re.compile(r"(?<=[(\[]) | (?=[)\],])|,(?= ?[)\]])")
_BODY_MARK = re.compile(r"\s*(?:\{|:|;|,|(?<![<>=!])=)?\s*$")
_SENTENCE = re.compile(r"(?<=[.!?])\s")
_STRING_MARKS = re.compile(r"^[rRbBuUfF]{0,2}(\"\"\"|'''|\"|')|(\"\"\"|'''|\"|')$")
_TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
_WORDLESS = re.compile(r"^[\W_]*$")
_NO_BASE = re.compile(
    r"^\s*(?:(?:extends|implements|with|public|protected|private|virtual|<|:)(?=\s|\w|$)\s*)+"
)


def one_line(text: str, limit: int) -> str:
    """Return `text` on one line, runs of blanks made one, at most `limit` code points."""
    line = _AFTER_OPENING.sub("", " ".join(text[: limit * 8].split())).strip()
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"


def signature(text: str) -> str:
    """Return a header as written before its body, on one line."""
    return one_line(_BODY_MARK.sub("", text, count=1), SIGNATURE_LIMIT)


def first_sentence(text: str) -> str:
    """Return the first sentence of the first paragraph; of a long one the beginning."""
    paragraph: list[str] = []
    for line in text.splitlines():
        stripped = _TAG.sub("", line).strip()
        if _WORDLESS.match(stripped):
            if paragraph:
                break
            continue
        if stripped.startswith(("@", ":param", "\\param")):
            break
        paragraph.append(stripped)
    return one_line(_SENTENCE.split(" ".join(paragraph), maxsplit=1)[0], DOC_LIMIT)


def doc_of_string(literal: str) -> str:
    """Return the first sentence of a docstring, given as it stands in the source."""
    return first_sentence(_STRING_MARKS.sub("", literal.strip()))


def doc_above(lines: Sequence[str], line: int, marks: Marks) -> str:
    """Return the first sentence of the comment that ends on the line above `line`."""
    last = line - 1
    if last < 0:
        return ""
    line_mark, block_marks = marks
    if block_marks and lines[last].rstrip().endswith(block_marks[1]):
        return first_sentence("\n".join(_block_comment(lines, last, block_marks)))
    if not line_mark:
        return ""
    first = line
    while first > max(0, line - _COMMENT_LINES) and lines[first - 1].lstrip().startswith(line_mark):
        first -= 1
    removed = line_mark[0] + "! \t"
    return first_sentence("\n".join(above.strip().lstrip(removed) for above in lines[first:line]))


def _block_comment(lines: Sequence[str], last: int, marks: tuple[str, str]) -> list[str]:
    """Return the lines of the block comment that ends on line `last`, without its marks."""
    opening, closing = marks
    for first in range(last, max(-1, last - _COMMENT_LINES), -1):
        text = lines[first]
        if text.lstrip().startswith(opening):
            break
        if opening in text or (first < last and closing in text):
            return []
    else:
        return []
    texts = [text.strip() for text in lines[first : last + 1]]
    texts[-1] = texts[-1].removesuffix(closing).rstrip("*")
    texts[0] = texts[0].removeprefix(opening)
    return [text.lstrip("*! \t") for text in texts]


def attributes_above(lines: Sequence[str], line: int) -> int:
    """Return the first line of the attributes (``#[…]``) that stand directly above `line`."""
    first = line
    for above in range(line - 1, max(-1, line - _COMMENT_LINES), -1):
        text = lines[above].strip()
        if text.startswith("#["):
            first = above
        elif not text or (above == first - 1 and not text.endswith(("]", ")]"))):
            break
    return first


def base_names(text: str) -> tuple[str, ...]:
    """Return the names in a list of base classes, without type arguments and keywords."""
    names = (_NO_BASE.sub("", part).strip() for part in _split_bases(text))
    return tuple(dict.fromkeys(name for name in names if name and "=" not in name))


def _split_bases(text: str) -> list[str]:
    """Split at what separates bases, leaving out everything in brackets."""
    parts = [""]
    depth = 0
    for char in re.sub(r"\b(?:extends|implements|with|where)\b", ",", _outermost(text)):
        if char in "([{<":
            depth += 1
        elif char in ")]}>":
            depth = max(0, depth - 1)
        elif depth == 0:
            if char in ",&+\n":
                parts.append("")
            else:
                parts[-1] += char
    return parts


def _outermost(text: str) -> str:
    """Return `text` without the one pair of round brackets that holds all of it."""
    text = text.strip()
    return text[1:-1] if text.startswith("(") and text.endswith(")") else text


def plain_name(text: str) -> str:
    """Return a name as others would write it: no quotes, blanks, type arguments or pointers."""
    name = text.strip().strip("\"'`*&").lstrip(":@").replace("::", ".")
    return _BLANKS.sub(" ", name)


_ARGUMENTS = re.compile(r"<[^<>]*>|\[[^\[\]]*\]")
_QUALIFIED = re.compile(r"(?:(.*)::)?\s*(~?\w+|operator.*)$", re.DOTALL)


def without_arguments(name: str) -> str:
    """Return a type's name without its type arguments, at the front without pointer marks."""
    shorter = _ARGUMENTS.sub("", name)
    while shorter != name:
        name, shorter = shorter, _ARGUMENTS.sub("", shorter)
    return name.strip(" *&")


def class_name(text: str) -> str:
    """Return a type's name as others would write it, without its type arguments."""
    return plain_name(without_arguments(text))


def section_name(text: str) -> str:
    """Return a heading or key without the quotes around it."""
    name = one_line(text, VALUE_LIMIT)
    quoted = len(name) > 1 and name[0] == name[-1] and name[0] in "\"'"
    return name[1:-1] if quoted else name


def qualified_name(text: str) -> tuple[str, str]:
    """Split ``shop::Basket<T>::add`` into ``shop.Basket`` and ``add``."""
    head, operator, tail = text.partition("operator")
    if operator and not head.strip().endswith(("::", "")):
        operator, tail = "", ""
    plain = without_arguments(head) if operator else without_arguments(text)
    match = _QUALIFIED.match(plain + operator + tail)
    if match is None:
        return "", plain
    return plain_name(match[1] or ""), match[2]
