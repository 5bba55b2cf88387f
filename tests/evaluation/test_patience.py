"""What an engine says that is being started again is no answer."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fimbul_models.evaluation.infilling import ATTEMPTS, Evaluation, evaluate
from fimbul_models.evaluation.items import Item
from fimbul_models.evaluation.runs import Run

SERVER = """
import runpy, sys
from pygls.lsp.server import LanguageServer

said = []
feature = LanguageServer.feature

def patched(self, name, *more):
    decorate = feature(self, name, *more)
    def use(function):
        if name != "fimbul/lastOutcome":
            return decorate(function)
        def outcome(*arguments):
            said.append(1)
            if len(said) <= {times}:
                return {{"reason": {reason!r}}}
            return function(*arguments)
        return decorate(outcome)
    return use

LanguageServer.feature = patched
sys.argv = {argv!r}
runpy.run_path({path!r}, run_name="__main__")
"""


def reasons(
    tmp_path: Path, command: tuple[str, ...], item: Item, reason: str, times: int
) -> tuple[str, bool]:
    script = tmp_path / "server.py"
    script.write_text(
        SERVER.format(times=times, reason=reason, argv=list(command[1:]), path=command[1])
    )
    started = (sys.executable, str(script))
    done = evaluate(Evaluation(items=[item], runs=[Run("default", {})], command=started))
    (row,) = done.runs["default"]
    return row.answer.reason, row.score.exact


@pytest.mark.parametrize("times", [2, 5])
def test_a_model_that_loads_is_waited_for(
    tmp_path: Path,
    server_command: Callable[..., tuple[str, ...]],
    make_item: Callable[..., Item],
    times: int,
) -> None:
    item = make_item("t", suffix="\n")
    found = reasons(tmp_path, server_command(), item, "model-loading", times)
    # Its document holds no answer, so that the reason is what the server itself says of it.
    assert found == ("empty", False)


def test_one_that_fails_each_time_has_failed(
    tmp_path: Path,
    server_command: Callable[..., tuple[str, ...]],
    make_item: Callable[..., Item],
) -> None:
    item = make_item("t", suffix="\n")
    few = reasons(tmp_path, server_command(), item, "engine-failed", ATTEMPTS - 1)
    assert few == ("empty", False)
    always = reasons(tmp_path, server_command(), item, "engine-failed", ATTEMPTS)
    assert always == ("engine-failed", False)
