r"""Lines of text as LSP counts them, in code points.

A line ends at ``\n``, ``\r\n`` or ``\r`` and nowhere else; `str.splitlines` also splits at form
feeds and other separators, which would shift every later line. Knows nothing about LSP's
position encodings: those belong to the server.
"""

import re

_LINE_END = re.compile(r"\r\n|\r|\n")
_OTHER_LINE_END = re.compile("[\v\f\x1c-\x1e\x85\u2028\u2029]")
"""Where `str.splitlines` splits besides."""
_SURROGATE = re.compile("[\ud800-\udfff]")


def split_lines(text: str) -> list[str]:
    r"""Split `text` into lines that keep their endings.

    The last line has no ending, so the result is never empty and holds one more line than
    there are line ends: ``split_lines("a\n") == ["a\n", ""]``.
    """
    if _OTHER_LINE_END.search(text) is None:
        # The same in a fraction of the time.
        lines = text.splitlines(keepends=True)
        if not lines or lines[-1].endswith(("\r", "\n")):
            lines.append("")
        return lines
    lines = []
    start = 0
    for match in _LINE_END.finditer(text):
        lines.append(text[start : match.end()])
        start = match.end()
    lines.append(text[start:])
    return lines


def strip_ending(line: str) -> str:
    """Return `line` without its line ending."""
    return line.rstrip("\r\n")


def without_surrogates(text: str) -> str:
    """Replace lone surrogates, which JSON may carry and UTF-8 cannot, by U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)
