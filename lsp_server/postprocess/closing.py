"""Brackets that a suggestion closes, and whether they were open."""

from lsp_server.postprocess.lexing import CLOSER_OF, OPENER_OF, brackets
from lsp_server.postprocess.place import Place
from lsp_server.types import RejectionReason


def cut_at_unopened(text: str, place: Place) -> str | RejectionReason:
    """End the text before a bracket that closes what is not open, or is open as another kind."""
    if not place.is_code or not any(one in text for one in OPENER_OF):
        return text
    stack: list[str] = []
    unknown = None
    for index, character in brackets(text, place.language):
        if character in CLOSER_OF:
            stack.append(character)
            continue
        if stack:
            fits = stack.pop() == OPENER_OF[character]
        else:
            unknown = _opened_before(place) if unknown is None else unknown
            fits = not unknown or unknown.pop() in (OPENER_OF[character], "")
        if not fits:
            kept = text[:index].rstrip()
            return kept if any(map(str.isalnum, kept)) else RejectionReason.UNBALANCED
    return text


def _opened_before(place: Place) -> list[str]:
    """Return what is open at the cursor, outermost first, as far as the lines above show.

    Where they do not reach back to the document's begin there may be more, which "" stands for.
    """
    before = "\n".join((*place.lines_above, place.typed))
    stack = [""] * len(OPENER_OF) * 8
    for _, character in brackets(before, place.language):
        if character in CLOSER_OF:
            stack.append(character)
        elif stack and stack[-1] in (OPENER_OF[character], ""):
            stack.pop()
    return stack
