"""Where an answer ends, as data: pieces in, text and reason out."""

import pytest

from lsp_server.inference.protocol import Complete
from lsp_server.inference.stopping import AnswerText
from lsp_server.types import StopReason


def run(pieces: list[bytes], **more: object) -> tuple[str, StopReason | None, str]:
    values = {"healed": "", "max_tokens": 99, "max_lines": 1, "line_has_text": True, **more}
    answer = AnswerText(Complete(id=1, segments=[], **values))  # type: ignore[arg-type]
    handed_out = ""
    stop = None
    for piece in pieces:
        stop = answer.add(piece)
        handed_out += answer.fresh()
        if stop is not None:
            break
    return answer.text(), stop, handed_out


@pytest.mark.parametrize(
    ("pieces", "more", "text", "stop"),
    [
        ([b"a", b" b", b"\n", b"c"], {}, "a b", StopReason.LINES),
        ([b"a", b"):\n", b"c"], {}, "a):", StopReason.LINES),
        ([b"a\r\n"], {}, "a", StopReason.LINES),
        ([b"\n", b"a"], {}, "", StopReason.LINES),
        ([b"\n", b"    a", b"\n"], {"line_has_text": False}, "\n    a", StopReason.LINES),
        ([b"a\n", b"b\n", b"c\n"], {"max_lines": 2}, "a\nb", StopReason.LINES),
        ([b"a\n", b"\n", b"b\n"], {"max_lines": 2}, "a\n\nb", StopReason.LINES),
        ([b"a", b"b", b"c"], {"max_tokens": 2}, "ab", StopReason.TOKENS),
        ([b"a", b"b"], {}, "ab", None),
        ([b"x = ", b"<en", b"d>", b"y"], {"stop_strings": ["<end>"]}, "x = ", StopReason.STRING),
        ([b".ge", b"t(x)", b"\n"], {"healed": ".g"}, "et(x)", StopReason.LINES),
        ([b" ", b"  x"], {"healed": "  "}, " x", None),
        ([b" "] * 9, {"healed": " " * 8}, " ", None),
        ([b" "] * 40, {"healed": " " * 8}, " " * 24, StopReason.REPETITION),
        ([b"x", *[b"\n ", b" "] * 19], {"max_lines": 9}, "x" + "\n  " * 12, StopReason.REPETITION),
        ([*[b"\n", b"    "] * 3, b"x", *[b" "] * 23], {"line_has_text": False}, None, None),
        ([b"caf", b"\xc3", b"\xa9", b"\n"], {}, "café", StopReason.LINES),
        ([b"a", b"\xf0\x9f"], {}, "a", None),
        ([b"a\xff", b"b"], {}, "a\ufffdb", None),
    ],
)
def test_answers_end(
    pieces: list[bytes], more: dict[str, object], text: str | None, stop: StopReason | None
) -> None:
    expected = b"".join(pieces).decode() if text is None else text
    assert run(pieces, **more)[:2] == (expected, stop)


def test_what_is_handed_out_piecewise_is_the_answer() -> None:
    pieces = [b".", b"get", b"(\xf0\x9f", b"\x98\x80", b")\n", b"more"]
    text, _, handed_out = run(pieces, healed=".g")
    assert handed_out == text == "et(😀)"
