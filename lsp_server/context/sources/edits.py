"""What was just changed elsewhere, as the change and not as the file.

Who renames a parameter in one file will want to do so in the next. Pure.
"""

from lsp_server.context.candidate import Candidate, Question
from lsp_server.context.history import Edit
from lsp_server.text import strip_ending

MOST = 4
"""Most edits that are shown."""

LINES = 10
"""Most lines of one edit; a longer one is a paste or a move."""

_WIDEST = 200
"""Code points of a line that may be shown."""


def edits(question: Question) -> list[Candidate]:
    """Return the latest edits in other files, removed and added lines marked."""
    known = frozenset(question.repository.paths())
    found = [
        candidate
        for edit in question.past.edits
        if edit.path in known and (candidate := _candidate(edit)) is not None
    ]
    return found[:MOST]


def _candidate(edit: Edit) -> Candidate | None:
    rows = [f"-{strip_ending(line)}" for line in edit.before if line.strip()]
    rows += [f"+{strip_ending(line)}" for line in edit.after if line.strip()]
    if not rows or len(rows) > LINES or any(len(row) > _WIDEST for row in rows):
        return None
    end = edit.first_line + max(1, len(edit.after))
    text = "".join(f"{row}\n" for row in rows)
    return Candidate("edits", edit.path, text, edit.first_line, end, "edited lately")
