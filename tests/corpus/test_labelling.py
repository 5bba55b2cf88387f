"""Questions about files: features that favour no language, baselines, labels by hand."""

import tomllib
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fimbul_models.corpus.classifying import (
    Label,
    LinearModel,
    fit_linear,
    judge,
    judgements_table,
    labelled,
    linear,
)
from fimbul_models.corpus.keeping import RECORDS, write_rows
from fimbul_models.corpus.labelling import FeatureReader, Task, read_task, words_of
from fimbul_models.corpus.records import Record
from fimbul_models.corpus.reviewing import LabelFile, Review, in_turn, least_sure
from fimbul_models.errors import RecipeError
from fimbul_models.main import main

RECIPES = Path(__file__).parents[2] / "models" / "recipes"

TOML = """
name = "server-side"
question = "Server-side?"
classes = ["yes", "no"]
path_words = ["server", "ui"]
same_as = { tsx = "javascript" }

[[concepts]]
name = "listens"
[concepts.terms]
python = ["listen", "bind"]
javascript = ["app.listen", "createServer"]

[[concepts]]
name = "draws"
[concepts.terms]
python = ["canvas"]
javascript = ["document"]
"""

SERVES = {
    "python": "def start(sock):\n    sock.bind(('', 80))\n    sock.listen()\n",
    "javascript": "const server = createServer(handle);\napp.listen(80);\n",
}
DRAWS = {
    "python": "def show(canvas):\n    canvas.line(0, 0, 10, 10)\n",
    "javascript": "document.title = 'x';\nconst a = document.body;\n",
}


def task() -> Task:
    return read_task_text(TOML)


def read_task_text(text: str) -> Task:
    return msgspec.convert(tomllib.loads(text), Task)


def record(path: str, text: str, language: str = "python", repository: str = "a:b") -> Record:
    return Record(
        source="toys",
        repository=repository,
        path=path,
        text=text,
        digest=sha256(text.encode()).hexdigest(),
        language=language,
    )


def toys(repositories: int = 10) -> tuple[list[Record], dict[str, str]]:
    """Return files of two languages that serve or draw, and what they do."""
    records, labels = [], {}
    for number in range(repositories):
        for language, ending in (("python", "py"), ("javascript", "js")):
            for label, texts in (("yes", SERVES), ("no", DRAWS)):
                path = f"src/{label}{number}.{ending}"
                one = record(path, f"{texts[language]}{number}\n", language, f"toys:{number}")
                records.append(one)
                labels[one.key] = label
    return records, labels


def column(name: str, features: np.ndarray) -> list[float]:
    return [float(value) for value in features[:, FeatureReader(task()).names.index(name)]]


def test_a_concept_counts_the_share_of_its_terms() -> None:
    records = [
        record("a.py", SERVES["python"]),
        record("b.py", "sock.listen()\n"),
        record("c.js", SERVES["javascript"], "javascript"),
        record("d.tsx", "createServer()\n", "tsx"),
        record("e.rs", "listen(); bind();\n", "rust"),
    ]
    features = FeatureReader(task()).read(records)
    assert column("listens here", features) == [1.0, 0.5, 1.0, 0.5, 0.0]
    assert column("terms known", features) == [1.0, 1.0, 1.0, 1.0, 0.0]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("listen()", True),
        ("x.listen = 1", True),
        ("listener()", False),
        ("relisten()", False),
        ("LISTEN", False),
    ],
)
def test_terms_are_whole_words(text: str, found: bool) -> None:
    (hit,) = column("listens here", FeatureReader(task()).read([record("a.py", text)]))
    assert bool(hit) is found


def test_what_neighbours_have_counts_without_the_file_itself() -> None:
    records = [
        record("net/a.py", SERVES["python"]),
        record("net/b.py", "x = 1\n"),
        record("ui/c.py", DRAWS["python"]),
        record("net/d.py", SERVES["python"], repository="a:other"),
    ]
    features = FeatureReader(task()).read(records)
    assert column("listens in this folder", features) == [0.0, 1.0, 0.0, 0.0]
    assert column("listens in the repository", features) == [0.0, 0.5, 0.5, 0.0]
    assert column("draws in the repository", features) == [0.5, 0.5, 0.0, 0.0]


def test_words_of_folders_and_files_are_told_apart() -> None:
    records = [record("HttpServer/main.py", "x"), record("src/ui_server.py", "x")]
    features = FeatureReader(task()).read(records)
    assert column("folder server", features) == [1.0, 0.0]
    assert column("file server", features) == [0.0, 1.0]
    assert column("file ui", features) == [0.0, 1.0]
    assert words_of("parseHTTPRequest2-fast") == ["parse", "http", "request", "2", "fast"]


def test_no_records_have_no_features() -> None:
    reader = FeatureReader(task())
    assert reader.read([]).shape == (0, len(reader.names))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('["listen", "bind"]', '["listen"]'), "as many different terms"),
        (('["listen", "bind"]', '["listen", "listen"]'), "as many different terms"),
        (('classes = ["yes", "no"]', 'classes = ["yes"]'), "two different classes"),
        (('tsx = "javascript"', 'tsx = "go"'), "'go' has no terms"),
        (('javascript = ["document"]\n', ""), "the same languages"),
        (('question = "Server-side?"', ""), "question"),
        (("path_words", "path_word"), "path_word"),
    ],
)
def test_tasks_that_favour_a_language_or_ask_nothing_are_refused(
    change: tuple[str, str], message: str
) -> None:
    assert change[0] in TOML
    with pytest.raises(msgspec.ValidationError, match=message):
        read_task_text(TOML.replace(*change))


def test_a_task_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"nothing\.toml"):
        read_task(tmp_path / "nothing.toml")


def test_classifiers_learn_what_is_plain() -> None:
    records, labels = toys()
    reader = FeatureReader(task())
    judgements = {one.name: one for one in judge(task(), labelled(reader, records, labels))}
    assert judgements["linear"].overall.f1 == 1.0
    assert judgements["nearest"].overall.f1 == 1.0
    assert judgements["commonest class"].overall.accuracy <= 0.5
    assert set(judgements["linear"].languages) == {"python", "javascript"}
    assert judgements["linear"].languages["python"].files == 20
    table = judgements_table(task(), list(judgements.values()))
    assert "| linear, python | 20 | 50 | 100 | 100 | 100 | 100 | 100 |" in table


def test_what_is_learned_in_one_language_holds_in_another() -> None:
    records, labels = toys()
    known = {key: label for key, label in labels.items() if key.endswith(".py")}
    reader = FeatureReader(task())
    model = fit_linear(task(), reader, labelled(reader, records, known))
    other = [one for one in records if one.language == "javascript"]
    assert model.answers(reader.read(other)) == [labels[one.key] for one in other]


def test_repositories_never_stand_on_both_sides() -> None:
    # Each repository has a word of its own kind; who has seen it knows all its files.
    records, _ = toys(5)
    labels = {one.key: "yes" if int(one.repository[-1]) % 2 else "no" for one in records}
    judgements = {
        one.name: one for one in judge(task(), labelled(FeatureReader(task()), records, labels))
    }
    assert judgements["nearest"].overall.accuracy < 0.8


def test_too_few_labels_are_said() -> None:
    records, labels = toys(3)
    known = labelled(FeatureReader(task()), records, labels)
    with pytest.raises(RecipeError, match="Label more"):
        judge(task(), known)
    none = labelled(FeatureReader(task()), records, {records[0].key: "yes"})
    with pytest.raises(RecipeError, match="no file is labelled 'no'"):
        fit_linear(task(), FeatureReader(task()), none)


@pytest.mark.parametrize("classes", [("yes", "no"), ("yes", "no", "perhaps")])
def test_the_model_as_data_says_what_scikit_learn_says(classes: tuple[str, ...]) -> None:
    records, labels = toys()
    question = msgspec.structs.replace(task(), classes=classes)
    labels = {
        key: classes[number % 3] if number % 3 == 2 and len(classes) == 3 else label
        for number, (key, label) in enumerate(labels.items())
    }
    reader = FeatureReader(question)
    known = labelled(reader, records, labels)
    model = fit_linear(question, reader, known)
    again = msgspec.json.decode(msgspec.json.encode(model), type=LinearModel)
    own = linear().fit(known.features, np.array(known.labels))
    assert np.allclose(again.chances(known.features), own.predict_proba(known.features))
    assert again.answers(known.features) == list(own.predict(known.features))


def test_the_stage_writes_labels() -> None:
    records, labels = toys()
    reader = FeatureReader(task())
    model = fit_linear(task(), reader, labelled(reader, records, labels))
    stage = Label(task(), model)
    one = [item for item in records if item.repository == "toys:3"]
    got = list(stage(one))
    assert [item.labels for item in got if isinstance(item, Record)] == [
        {"server-side": labels[item.key]} for item in one
    ]
    assert list(stage([])) == []
    with pytest.raises(RecipeError, match="fit it anew"):
        Label(msgspec.structs.replace(task(), path_words=("other",)), model)


def test_languages_and_repositories_come_by_turns() -> None:
    records, labels = toys(4)
    records = [*records, record("one.go", "package x\n", "go", "toys:9")]
    order = in_turn(records, {}, seed=1)
    assert sorted(order) == list(range(len(records)))
    assert order == in_turn(records, {}, seed=1)
    assert order != in_turn(records, {}, seed=2)
    assert {records[number].language for number in order[:3]} == {"go", "javascript", "python"}
    own = [records[number].repository for number in order if records[number].language == "python"]
    assert len(set(own[:4])) == 4
    assert len(in_turn(records, labels, seed=1)) == 1


def test_unsure_files_come_first() -> None:
    records, labels = toys()
    reader = FeatureReader(task())
    model = fit_linear(task(), reader, labelled(reader, records, labels))
    both = record("x.py", SERVES["python"] + DRAWS["python"], repository="toys:99")
    clear = record("y.py", SERVES["python"], repository="toys:98")
    some = [clear, both]
    assert least_sure(some, {}, model, reader)[0] == 1
    assert least_sure(some, {both.key: "no"}, model, reader) == [0]


class Typist:
    """Answers questions, and keeps what it is told."""

    def __init__(self, *answers: str) -> None:
        self.answers = iter(answers)
        self.told: list[str] = []
        self.asked: list[str] = []

    def ask(self, question: str) -> str:
        self.asked.append(question)
        try:
            return next(self.answers)
        except StopIteration:
            raise EOFError from None


def review(
    typist: Typist, file: Path, records: Sequence[Record], suggestion: str = ""
) -> tuple[int, dict[str, str]]:
    labels = LabelFile(file, task())
    session = Review(
        task(), FeatureReader(task()), labels, typist.ask, typist.told.append,
        lambda _: suggestion,
    )  # fmt: skip
    number = session.run(records)
    return number, LabelFile(file, task()).of(records)


@pytest.fixture
def files() -> list[Record]:
    return [record(f"{name}.py", f"{SERVES['python']}{name}\n") for name in "abcd"]


def test_answers_are_kept_at_once(tmp_path: Path, files: list[Record]) -> None:
    path = tmp_path / "labels.jsonl"
    typist = Typist("1", "n", "s", "q")
    assert review(typist, path, files) == (2, {files[0].key: "yes", files[1].key: "no"})
    assert "1 yes, 2 no" in typist.told[0]
    assert any("listens: bind, listen" in line for line in typist.told)
    # Another session goes on, and the end of the input ends it.
    assert review(Typist("no"), path, files[2:]) == (1, {files[2].key: "no"})
    assert SERVES["python"].split()[1] not in path.read_text()


def test_going_back_corrects(tmp_path: Path, files: list[Record]) -> None:
    typist = Typist("yes", "b", "no", "yes")
    number, labels = review(typist, tmp_path / "labels.jsonl", files[:2])
    assert labels == {files[0].key: "no", files[1].key: "yes"}
    assert number == 3


def test_enter_takes_a_suggestion_and_nothing_without_one(
    tmp_path: Path, files: list[Record]
) -> None:
    taken = review(Typist(""), tmp_path / "a.jsonl", files[:1], "no")
    assert taken == (1, {files[0].key: "no"})
    typist = Typist("", "maybe", "3", "2")
    assert review(typist, tmp_path / "b.jsonl", files[:1]) == (1, {files[0].key: "no"})
    assert len(typist.asked) == 4


def test_more_of_a_long_file_is_shown_on_request(tmp_path: Path) -> None:
    long = record("long.py", "".join(f"line_{number} = '\x1b[31m'\n" for number in range(70)))
    typist = Typist("m", "y")
    review(typist, tmp_path / "labels.jsonl", [long])
    told = "\n".join(typist.told)
    assert "line_59" in told
    assert "line_60" not in told
    assert "… 11 more lines" in told
    assert "\x1b" not in told


def test_labels_of_other_content_or_tasks_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    one = record("a.py", "x = 1\n")
    labels = LabelFile(path, task())
    labels.keep(one, "yes")
    assert LabelFile(path, task()).of([record("a.py", "x = 2\n")]) == {}
    assert LabelFile(path, msgspec.structs.replace(task(), name="other")).of([one]) == {}
    labels.keep(one, "")
    assert LabelFile(path, task()).of([one]) == {}
    assert len(LabelFile(path, task())) == 0


@pytest.mark.parametrize(
    "line", ["{", '{"key": "a"}', '{"key":"a","digest":"b","task":"server-side","label":"hm"}']
)
def test_lines_that_are_no_labels_are_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text(f"\n{line}\n".lstrip("\n"))
    with pytest.raises(RecipeError, match=r"labels\.jsonl, line 1"):
        LabelFile(path, task())


def test_the_command_judges_and_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    records, labels = toys()
    (tmp_path / "task.toml").write_text(TOML)
    write_rows(tmp_path / "sifted" / "all.parquet", RECORDS, records)
    kept = LabelFile(tmp_path / "labels.jsonl", task())
    for one in records:
        kept.keep(one, labels[one.key])
    arguments = ["label", "--task", str(tmp_path / "task.toml"), "--records",
                 str(tmp_path / "sifted"), "--labels", str(tmp_path / "labels.jsonl")]  # fmt: skip
    model = tmp_path / "model.json"
    assert main([*arguments, "--judge", "--fit", str(model)]) == 0
    assert "| linear | 40 | 50 | 100 |" in capsys.readouterr().out
    assert msgspec.json.decode(model.read_bytes(), type=LinearModel).task == "server-side"
    assert main(arguments) == 1
    assert "--review, --judge or --fit" in capsys.readouterr().err
    assert main([*arguments[:4], str(tmp_path / "none"), *arguments[5:], "--judge"]) == 1


def test_the_command_reviews(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    records, _ = toys(2)
    (tmp_path / "task.toml").write_text(TOML)
    write_rows(tmp_path / "all.parquet", RECORDS, records)
    answers = iter(["1", "2", "q"])
    monkeypatch.setattr("builtins.input", lambda question: next(answers))
    labels = tmp_path / "labels.jsonl"
    status = main(
        ["label", "--task", str(tmp_path / "task.toml"), "--records",
         str(tmp_path / "all.parquet"), "--labels", str(labels), "--review"]
    )  # fmt: skip
    assert status == 0
    assert "2 files were labelled" in capsys.readouterr().out
    # With an answer of each class a model suggests the next ones.
    questions: list[str] = []

    def quit_at_once(question: str) -> str:
        questions.append(question)
        return "q"

    monkeypatch.setattr("builtins.input", quit_at_once)
    main(
        ["label", "--task", str(tmp_path / "task.toml"), "--records",
         str(tmp_path / "all.parquet"), "--labels", str(labels), "--review"]
    )  # fmt: skip
    assert questions[0].startswith("Server-side? [")


def test_the_worked_example_fits_its_labels() -> None:
    question = read_task(RECIPES / "server-side.toml")
    labels = LabelFile(RECIPES / "server-side.labels.jsonl", question)
    assert len(labels) > 250
    assert question.languages == {"python", "javascript", "go", "java", "c", "ruby"}
