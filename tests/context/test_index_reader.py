"""The reader of an index while it is busy."""

import threading
from pathlib import Path

from lsp_server.context.index.reader import IndexReader
from lsp_server.context.index.store import index_file
from tests.context.indexing import SECONDS, IndexChild


def test_the_generation_is_told_while_a_longer_question_runs(tmp_path: Path) -> None:
    root = tmp_path / "folder"
    root.mkdir()
    (root / "a.py").write_text("x = 1\n")
    reading, go_on, asked = threading.Event(), threading.Event(), list[Path]()

    def may_read(path: Path) -> bool:
        asked.append(path)
        # The first time is before the reader is busy with the file, the second in the middle.
        if len(asked) == 2:
            reading.set()
            assert go_on.wait(SECONDS)
        return True

    with IndexChild(tmp_path) as child:
        (ready,) = child.watch(root)
        reader = IndexReader(index_file(child.cache, root), root, may_read, tuple)
        assert reader.generation == ready.generation
        question = threading.Thread(target=reader.lines, args=("a.py",))
        question.start()
        assert reading.wait(SECONDS)
        told: list[int] = []
        other = threading.Thread(target=lambda: told.append(reader.generation))
        other.start()
        other.join(SECONDS)
        try:
            assert told == [ready.generation]
        finally:
            go_on.set()
            question.join()
            other.join()
        assert reader.lines("a.py") == ("x = 1\n", "")
        reader.close()
