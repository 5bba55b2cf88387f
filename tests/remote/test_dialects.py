"""What is said to servers and what they answer, without a connection."""

import json
import re

import pytest

from lsp_server.inference.dialects import (
    Chunk,
    LlamaServer,
    Misunderstood,
    OpenAI,
    cut_spellings,
    error_in,
    grammar_of,
    regex_of,
    spelling_in,
)
from lsp_server.types import StopReason


@pytest.mark.parametrize(
    ("healed", "literal"),
    [
        (".g", ".g"),
        ('"\\', "\\x22\\x5C"),
        ("\té", "\\x09é"),
        ("] | root", "] | root"),
    ],
)
def test_a_grammar_holds_the_healed_text_as_a_literal(healed: str, literal: str) -> None:
    assert grammar_of(healed) == f'root ::= "{literal}" [^\\x00]*\n'


@pytest.mark.parametrize("healed", [".get", "a|b", "(x)[y]{2}", "\\d+?", "^$", "*", "é ", "\t"])
def test_a_regular_expression_holds_the_healed_text_as_a_literal(healed: str) -> None:
    assert re.fullmatch(regex_of(healed), f"{healed}anything\nelse")
    assert not re.fullmatch(regex_of(healed), f"x{healed}")


@pytest.mark.parametrize(
    ("text", "known", "pieces"),
    [
        ("", [], []),
        ("plain <div> text", [], ["plain <div> text"]),
        ("a<|fim_middle|>b", [], ["a<", "|fim_middle|>b"]),
        ("<<|im_end|>|im_end|>", [], ["<<", "|im_end|>|im_end|>"]),
        ("<｜fim▁end｜>", [], ["<", "｜fim▁end｜>"]),
        ("</s><s>", [], ["<", "/s><", "s>"]),
        ("<fim_prefix><filename>", [], ["<", "fim_prefix><", "filename>"]),
        ("a<PRE>b", ["<PRE>"], ["a<", "PRE>b"]),
        ("[INST] x", [], ["[", "INST] x"]),
    ],
)
def test_text_is_cut_inside_what_spells_a_special_token(
    text: str, known: list[str], pieces: list[str]
) -> None:
    found = cut_spellings(text, known)
    assert found == pieces
    assert "".join(found) == text
    assert not any(spelling_in(piece, known) for piece in found)


@pytest.mark.parametrize(
    ("event", "chunk"),
    [
        ({"content": "a", "stop": False, "tokens_evaluated": 9}, Chunk("a", prompt_tokens=9)),
        (
            {
                "content": "a",
                "completion_probabilities": [{"logprob": -1.5, "top_logprobs": []}],
                "timings": {"cache_n": 4, "prompt_ms": 1.0},
            },
            Chunk("a", (-1.5,), reused_tokens=4),
        ),
        ({"content": "", "stop": True, "stop_type": "eos"}, Chunk(end=StopReason.END)),
        ({"content": "", "stop": True, "stop_type": "limit"}, Chunk(end=StopReason.TOKENS)),
        ({"content": "", "stop": True, "stop_type": "word"}, Chunk(end=StopReason.STRING)),
        ({"content": "", "stop": True}, Chunk(end=StopReason.END)),
        ({"error": {"type": "server_error", "message": "x"}}, Chunk(error="server_error")),
        ({"error": {"type": "my code!"}}, Chunk(error="it gave no reason")),
    ],
)
def test_events_of_llama_server(event: object, chunk: Chunk) -> None:
    assert LlamaServer().chunk(json.dumps(event).encode()) == chunk


@pytest.mark.parametrize(
    ("event", "chunk"),
    [
        ({"choices": [{"text": "a", "finish_reason": None, "logprobs": None}]}, Chunk("a")),
        (
            {"choices": [{"text": "a", "logprobs": {"token_logprobs": [-1.0, None]}}]},
            Chunk("a", (-1.0,)),
        ),
        (
            {"choices": [{"text": "a", "logprobs": {"content": [{"logprob": -2.0}]}}]},
            Chunk("a", (-2.0,)),
        ),
        ({"choices": [{"text": "a", "finish_reason": "stop"}]}, Chunk("a", end=StopReason.END)),
        ({"choices": [{"finish_reason": "length"}]}, Chunk(end=StopReason.TOKENS)),
        ({"choices": [], "usage": {"prompt_tokens": 5}}, Chunk(prompt_tokens=5)),
        ({"error": {"type": "BadRequestError"}}, Chunk(error="BadRequestError")),
    ],
)
def test_events_of_openai(event: object, chunk: Chunk) -> None:
    assert OpenAI("m").chunk(json.dumps(event).encode()) == chunk


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"{}", b'{"content": 1}', b"\xff"])
def test_anything_else_is_misunderstood(data: bytes) -> None:
    for dialect in (LlamaServer(), OpenAI("m")):
        if dialect.path == "/completion" or b"content" not in data:
            with pytest.raises(Misunderstood):
                dialect.chunk(data)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"error": {"type": "exceed_context_size_error", "message": "x"}}', True),
        (b'{"error": {"type": "def secret(): pass"}}', False),
        (b'{"error": "x"}', False),
        (b"Bad Gateway", False),
    ],
)
def test_of_an_error_only_its_kind_is_taken(body: bytes, kind: bool) -> None:
    assert error_in(body) == ("exceed_context_size_error" if kind else "")


def test_only_a_named_model_is_sent_to_llama_server() -> None:
    assert "model" not in LlamaServer().completion((1,), "", 5)
    assert LlamaServer("m").completion((1,), "", 5)["model"] == "m"
    assert LlamaServer("m").tokenization("a", special=False, starts=False)["model"] == "m"
