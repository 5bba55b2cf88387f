import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fimbul_models.evaluation.items import Item


@pytest.fixture
def server_command() -> Callable[..., tuple[str, ...]]:
    script = str(Path(__file__).with_name("scripted_server.py"))

    def command(mode: str = "ready", *more: str) -> tuple[str, ...]:
        return (sys.executable, script, mode, *more)

    return command


@pytest.fixture
def make_item() -> Callable[..., Item]:
    def make(task_id: str = "t1", answer: str = "b = 1", **more: str) -> Item:
        fields = {"prefix": "a = 0\n", "suffix": f"\n# answer:{answer}\n", "kind": "line-start"}
        return Item(
            task_id=task_id,
            language="python",
            answer=answer,
            **{"path": "pack/some file.py", **fields, **more},
        )

    return make
