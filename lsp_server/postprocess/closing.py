"""Brackets that a suggestion closes, and whether they were open."""

from lsp_server.postprocess.lexing import CLOSER_OF, OPENER_OF, brackets
from lsp_server.postprocess.place import Place
from lsp_server.types import RejectionReason, Surface


def cut_at_unopened(text: str, place: Place) -> str | RejectionReason:
    """End the text before a bracket that closes what is not open, or is open as another kind.

    In the middle of a line the text right of the cursor has to fit, too.
    """
    is_middle = place.surface is Surface.MIDDLE
    if not (is_middle or any(one in text for one in OPENER_OF)) or not _can_be_read(place):
        return text
    end = _unopened(place.typed + text, place.rest_of_line if is_middle else "", place)
    if end is None or end < len(place.typed):
        return text
    kept = text[: end - len(place.typed)].rstrip()
    is_in_rest = end >= len(place.typed + text)
    if is_in_rest or not any(map(str.isalnum, kept)):
        return RejectionReason.UNBALANCED
    return kept


def _can_be_read(place: Place) -> bool:
    """Tell whether the lines above begin outside of any string, as far as one can see."""
    above = "\n".join(place.lines_above)
    return place.is_code and not any(above.count(one) % 2 for one in place.language.long_quotes)


def _unopened(line: str, rest: str, place: Place) -> int | None:
    """Return where `line` and `rest` first close what is not open; None if they never do."""
    above = "\n".join((*place.lines_above, ""))
    open_now: list[str] = []
    for index, character in brackets(above + line + rest, place.language):
        if character in CLOSER_OF:
            open_now.append(character)
        elif index < len(above):
            if open_now and open_now[-1] == OPENER_OF[character]:
                open_now.pop()
        elif not open_now:
            # Blocks are opened further above than one can see, lists and calls are not.
            if character != "}" or place.language.indented:
                return index - len(above)
        elif open_now.pop() != OPENER_OF[character]:
            return index - len(above)
    return None
