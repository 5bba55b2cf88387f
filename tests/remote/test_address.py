"""Which addresses and keys are taken, and what is said of the others."""

from pathlib import Path

import pytest

from lsp_server.config.options import EngineOptions, RemoteKind
from lsp_server.errors import ConfigError
from lsp_server.inference.address import KEY_VARIABLE, remote_options


def test_without_an_address_there_is_no_server() -> None:
    assert remote_options(EngineOptions(), {KEY_VARIABLE: "k3y"}) is None


@pytest.mark.parametrize(
    ("given", "url", "clear"),
    [
        ("https://completion.example", "https://completion.example", False),
        ("https://completion.example:8443/v1/", "https://completion.example:8443", False),
        ("https://example/team/llama/v1", "https://example/team/llama", False),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080", False),
        ("http://[::1]:8080", "http://[::1]:8080", False),
        ("http://localhost", "http://localhost", False),
        ("http://10.0.0.7:8080", "http://10.0.0.7:8080", True),
    ],
)
def test_addresses_are_brought_into_one_form(given: str, url: str, clear: bool) -> None:
    options = remote_options(EngineOptions(remote_url=given, remote_timeout=7), {})
    assert options is not None
    assert (options.url, options.is_in_the_clear) == (url, clear)
    assert (options.kind, options.timeout, options.key) == (RemoteKind.AUTO, 7.0, "")


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("completion.example:8080", "https://"),
        ("ftp://completion.example", "https://"),
        ("file:///etc/passwd", "https://"),
        ("https://", "host"),
        ("https://user:s3cret@completion.example", "remote_key_file"),
        ("https://completion.example/?key=s3cret", "may hold no"),
        ("https://completion.example/#a", "may hold no"),
        ("https://completion.example/a b", "may hold no"),
        ("https://completion.example:port", "cannot be used"),
        ("https://[::1", "cannot be used"),
    ],
)
def test_other_addresses_are_refused_with_the_option(given: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says) as raised:
        remote_options(EngineOptions(remote_url=given), {})
    assert "engine.remote_url" in str(raised.value)
    assert "s3cret" not in str(raised.value)


def test_a_key_comes_from_its_file_or_the_environment(tmp_path: Path) -> None:
    url = "https://completion.example"
    file = tmp_path / "key"
    file.write_text(" fr0m-file\n")
    named = EngineOptions(remote_url=url, remote_key_file=str(file))
    for engine, key in ((named, "fr0m-file"), (EngineOptions(remote_url=url), "fr0m-env")):
        options = remote_options(engine, {KEY_VARIABLE: "fr0m-env"})
        assert options is not None
        assert options.key == key
        assert key not in repr(options)


@pytest.mark.parametrize("content", [b"", b"two words", b"a\nb", "schlüssel".encode(), b"\xff"])
def test_what_is_no_key_is_refused_and_not_shown(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    engine = EngineOptions(remote_url="https://example", remote_key_file=str(file))
    with pytest.raises(ConfigError, match="remote_key_file") as raised:
        remote_options(engine, {})
    assert "words" not in str(raised.value)


def test_a_missing_key_file_is_named(tmp_path: Path) -> None:
    engine = EngineOptions(remote_url="https://example", remote_key_file=str(tmp_path / "none"))
    with pytest.raises(ConfigError, match=r"none .* cannot be read"):
        remote_options(engine, {})


def test_a_key_is_not_sent_in_the_clear() -> None:
    with pytest.raises(ConfigError, match="in the clear"):
        remote_options(EngineOptions(remote_url="http://10.0.0.7"), {KEY_VARIABLE: "k3y"})
    assert remote_options(EngineOptions(remote_url="http://127.0.0.1"), {KEY_VARIABLE: "k3y"})
