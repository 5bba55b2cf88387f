from pathlib import Path
from typing import Any

import pytest

from lsp_server.errors import EngineCrashed, EngineRefused
from lsp_server.inference.client import worker_command
from lsp_server.inference.protocol import LoadOptions
from lsp_server.inference.selftest import (
    SelfTestResult,
    remember,
    remembered,
    result_key,
    run_selftest,
    selftest_once,
)
from tests.server.editor import write_script

OPTIONS = LoadOptions(threads=4)
MODEL = Path("model.gguf")


def command(folder: Path, **more: Any) -> tuple[str, ...]:
    return worker_command("scripted", str(write_script(folder, {"answer": "a b c"}, **more)))


async def test_a_sound_engine_runs_at_full_speed(tmp_path: Path) -> None:
    result = await run_selftest(command(tmp_path), MODEL, OPTIONS)
    assert result.full_speed
    assert result.crashes == ()
    assert result.apply(OPTIONS) == OPTIONS


async def test_a_crash_steps_down_and_is_remembered(tmp_path: Path) -> None:
    file = tmp_path / "state" / "selftest.json"
    crashing = command(tmp_path, crash_with_extra_buffers=True)
    result = await selftest_once(crashing, MODEL, OPTIONS, file=file, digest="abc")
    assert (result.extra_buffers, result.one_thread) == (False, False)
    assert "signal 11" in result.crashes[0]
    assert result.apply(OPTIONS).extra_buffers is False
    # It is not tried again: this command could not even start.
    again = await selftest_once(("/nothing",), MODEL, OPTIONS, file=file, digest="abc")
    assert again == result


async def test_an_engine_that_always_crashes_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(EngineCrashed, match="setup --rebuild"):
        await run_selftest(command(tmp_path, load_fault="crash"), MODEL, OPTIONS)


async def test_a_model_that_cannot_be_loaded_is_no_crash(tmp_path: Path) -> None:
    with pytest.raises(EngineRefused):
        await run_selftest(command(tmp_path, load_fault="fail"), MODEL, OPTIONS)


def test_results_are_kept_beside_each_other(tmp_path: Path) -> None:
    file = tmp_path / "selftest.json"
    one, two = SelfTestResult(True, False), SelfTestResult(False, True, ("died",))
    remember(file, "one", one)
    remember(file, "two", two)
    assert remembered(file, "one") == one
    assert remembered(file, "two") == two
    assert remembered(file, "three") is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"key": 1}', '{"key": {"colour": 1}}'])
def test_a_damaged_file_counts_as_empty(content: str, tmp_path: Path) -> None:
    file = tmp_path / "selftest.json"
    file.write_text(content)
    assert remembered(file, "key") is None
    remember(file, "key", SelfTestResult(True, False))
    assert remembered(file, "key") is not None


def test_the_key_tells_models_apart() -> None:
    assert result_key("a") != result_key("b")
    assert result_key("a") == result_key("a")
