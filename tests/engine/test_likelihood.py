"""What an answer says about how likely the model found it."""

from pathlib import Path

import pytest

from lsp_server.inference.client import WorkerClient, worker_command
from lsp_server.inference.dialects import Chunk
from lsp_server.inference.protocol import Complete, LoadOptions
from lsp_server.inference.streamed import StreamedAnswer
from lsp_server.types import GeneratedText, Generation, Prompt, Segment, StopRules
from tests.engine.tiny import CONTEXT, write_tiny_model


async def answer(
    worker: WorkerClient, text: str, healed: str = ""
) -> tuple[Generation, list[GeneratedText]]:
    pieces: list[GeneratedText] = []

    def take(piece: str) -> None:
        assert isinstance(piece, GeneratedText)
        pieces.append(piece)

    prompt = Prompt((Segment(text),), healed)
    stop = StopRules(16, max_lines=9)
    return await worker.complete(prompt, stop, line_has_text=True, on_text=take), pieces


@pytest.mark.engine
@pytest.mark.parametrize("healed", ["", "self", "se"])
async def test_pieces_tell_the_log_probability_of_their_tokens(tmp_path: Path, healed: str) -> None:
    worker = await WorkerClient.start(worker_command())
    try:
        model = write_tiny_model(tmp_path / "tiny.gguf")
        await worker.load(str(model), LoadOptions(threads=1, context_length=CONTEXT))
        found, pieces = await answer(worker, "def area(self):\n    return ", healed)
    finally:
        await worker.close()
    assert len(found.ends) == len(found.logprobs) > 3
    assert list(found.ends) == sorted(found.ends)
    assert found.ends[-1] == len(found.text)
    assert found.typed_logprob <= 1e-6
    assert (found.typed_logprob < -0.01) is bool(healed)
    told = sum(piece.logprob or 0.0 for piece in pieces)
    whole = sum(found.logprobs) - found.typed_logprob
    if found.ends[-1] > found.ends[-2]:
        assert told == pytest.approx(whole, abs=1e-3)
    else:
        # The last tokens gave no text, or none but for what cannot be shown.
        assert told >= whole


async def test_the_script_says_how_likely_its_answers_are(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text('[[rules]]\nanswer = "one two"\nlogprob = -2.5\n', encoding="utf-8")
    worker = await WorkerClient.start(worker_command("scripted", str(script)))
    try:
        await worker.load("none", LoadOptions())
        found, pieces = await answer(worker, "x = ")
    finally:
        await worker.close()
    assert found.logprobs == (-2.5, -2.5, -2.5)
    assert found.ends == (3, 4, 7)
    assert found.end_logprob == -2.5
    assert [piece.logprob for piece in pieces] == [-2.5, -2.5, -2.5]


def test_what_a_server_streams_ends_where_its_chunks_do() -> None:
    pieces: list[str] = []
    request = Complete(0, [], "", 16, 1, line_has_text=True)
    streamed = StreamedAnswer(request, pieces.append)
    assert not streamed.take(Chunk("to", logprobs=(-0.5, -0.25)))
    assert not streamed.take(Chunk("tal"))
    assert streamed.take(Chunk("()\n", logprobs=(-1.0,)))
    found = streamed.generation((1,))
    assert found.logprobs == (-0.5, -0.25, -1.0)
    assert found.ends == (2, 2, 7)
    likely = [piece.logprob for piece in pieces if isinstance(piece, GeneratedText)]
    assert likely == [-0.75, None, -1.0]
