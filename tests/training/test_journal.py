"""The log of a training: what is kept after a kill, and what is drawn."""

from pathlib import Path

from fimbul_models.training.journal import LOG, PAGE, Journal


def test_what_will_be_done_again_is_forgotten(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for step in range(5):
        journal.write({"step": step, "loss": 1.0 / (step + 1)})
    with (tmp_path / LOG).open("ab") as file:
        file.write(b'{"step": 5, "lo')
    journal.go_on_from(2)
    assert [row["step"] for row in journal.rows()] == [0, 1, 2]


def test_the_page_needs_nothing_else(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.write({"step": 0, "validation loss": 2.0})
    journal.write({"step": 1, "loss": 1.5, "end": 0.5, "tokens a second": 100.0})
    journal.draw("a <name>", {"steps": 1, "loss": 0.123456789})
    page = (tmp_path / PAGE).read_text()
    assert page.count("<svg") == 3
    assert "a &lt;name&gt;" in page
    assert "0.123457" in page
    assert "http" not in page.replace('xmlns="http://www.w3.org/2000/svg"', "")
