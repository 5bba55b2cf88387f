"""Learn to answer a labelling task from few labels: a linear model, and nearest neighbours.

Both are baselines that a person can look through. Figures come from folds that never share a
repository, overall and for each language, beside what guessing the commonest class would give.
Knows nothing about texts: features in, classes out.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_fscore_support
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fimbul_models.corpus.labelling import FeatureReader, Features, Task
from fimbul_models.corpus.records import Drop, Record
from fimbul_models.errors import RecipeError

NEIGHBOURS = 5
"""How many labelled files a file is compared with."""

FOLDS = 5

REGULARISATION = 1.0
"""Inverse strength of the ridge penalty, scikit-learn's own default."""


def linear() -> Any:
    """Return a new logistic regression over standardised features, classes weighted alike."""
    return make_pipeline(
        StandardScaler(),
        LogisticRegression(C=REGULARISATION, class_weight="balanced", max_iter=1000),
    )


def nearest() -> Any:
    """Return a new classifier by the nearest labelled files, near ones counting more."""
    return make_pipeline(
        StandardScaler(), KNeighborsClassifier(n_neighbors=NEIGHBOURS, weights="distance")
    )


CLASSIFIERS: Mapping[str, Callable[[], Any]] = {"linear": linear, "nearest": nearest}


@dataclass(frozen=True)
class Labelled:
    """Files with their features and known classes."""

    features: Features
    labels: Sequence[str]
    repositories: Sequence[str]
    languages: Sequence[str]


def labelled(
    reader: FeatureReader, records: Sequence[Record], labels: Mapping[str, str]
) -> Labelled:
    """Return those of `records` that have a label; all are needed, as neighbours count.

    `labels` are by `Record.key`.
    """
    features = reader.read(records)
    rows = [number for number, record in enumerate(records) if record.key in labels]
    some = [records[number] for number in rows]
    return Labelled(
        features[rows],
        [labels[record.key] for record in some],
        [record.repository for record in some],
        [record.language for record in some],
    )


class Score(msgspec.Struct, frozen=True):
    """How well a classifier answers, over some files."""

    files: int
    accuracy: float
    precision: float
    """Of the task's first class."""
    recall: float
    f1: float
    macro_f1: float
    """Mean over all classes."""
    positive: float
    """Share of files of the first class."""


class Judgement(msgspec.Struct, frozen=True):
    """Scores of one way to answer."""

    name: str
    overall: Score
    languages: dict[str, Score]


def judge(task: Task, known: Labelled, folds: int = FOLDS) -> list[Judgement]:
    """Return the scores of every classifier, and of the commonest class, by cross-validation.

    Files of one repository are always on the same side. Raises RecipeError where there are too
    few labels or repositories to do so.
    """
    labels = np.array(known.labels)
    groups = np.array(known.repositories)
    few = min((int((labels == name).sum()) for name in task.classes), default=0)
    if len(set(known.repositories)) < folds or few < folds:
        raise RecipeError(
            f"{task.name}: {folds} folds need as many repositories with labels, and as many files"
            f" of each class; there are {len(set(known.repositories))} and {few}. Label more files."
        )
    splitter = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=0)
    parts = list(splitter.split(known.features, labels, groups))
    answers = {name: labels.copy() for name in (*CLASSIFIERS, "commonest class")}
    for train, test in parts:
        for name, make in CLASSIFIERS.items():
            fitted = _fitted(make(), known.features[train], labels[train])
            answers[name][test] = fitted.predict(known.features[test])
        answers["commonest class"][test] = _commonest(labels[train])
    languages = np.array(known.languages)
    return [
        Judgement(
            name,
            _score(task, labels, given),
            {
                language: _score(task, labels[languages == language], given[languages == language])
                for language in sorted(set(known.languages))
            },
        )
        for name, given in answers.items()
    ]


def _commonest(labels: Any) -> str:
    names, counts = np.unique(labels, return_counts=True)
    return str(names[np.argmax(counts)])


def _fitted(classifier: Any, features: Features, labels: Any) -> Any:
    if len(labels) < NEIGHBOURS and "kneighborsclassifier" in classifier.named_steps:
        classifier.set_params(kneighborsclassifier__n_neighbors=max(1, len(labels)))
    return classifier.fit(features, labels)


def _score(task: Task, truth: Any, given: Any) -> Score:
    precision, recall, f1, _ = precision_recall_fscore_support(
        truth, given, labels=list(task.classes), zero_division=0.0
    )
    return Score(
        files=len(truth),
        accuracy=float((truth == given).mean()) if len(truth) else 0.0,
        precision=float(precision[0]),
        recall=float(recall[0]),
        f1=float(f1[0]),
        macro_f1=float(np.mean(f1)),
        positive=float((truth == task.classes[0]).mean()) if len(truth) else 0.0,
    )


class LinearModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fitted linear model as data that can be read; needs no scikit-learn to answer."""

    task: str
    classes: tuple[str, ...]
    """In the order of the rows of `weights`."""
    features: tuple[str, ...]
    means: tuple[float, ...]
    scales: tuple[float, ...]
    weights: tuple[tuple[float, ...], ...]
    """One row a class, one column a feature."""
    biases: tuple[float, ...]

    def chances(self, features: Features) -> Features:
        """Return the chance of each class for each row."""
        scaled = (features - np.array(self.means)) / np.array(self.scales)
        logits = scaled @ np.array(self.weights).T + np.array(self.biases)
        logits -= logits.max(axis=1, keepdims=True)
        powers = np.exp(logits)
        chances: Features = powers / powers.sum(axis=1, keepdims=True)
        return chances

    def answers(self, features: Features) -> list[str]:
        """Return the likeliest class for each row."""
        return [self.classes[number] for number in self.chances(features).argmax(axis=1)]


def fit_linear(task: Task, reader: FeatureReader, known: Labelled) -> LinearModel:
    """Return the linear model fitted on all labels.

    Raises RecipeError if some class has no label.
    """
    missing = [name for name in task.classes if name not in known.labels]
    if missing:
        raise RecipeError(f"{task.name}: no file is labelled {missing[0]!r}; label some.")
    fitted = linear().fit(known.features, np.array(known.labels))
    scaler, regression = fitted[0], fitted[-1]
    weights, biases = regression.coef_, regression.intercept_
    if len(regression.classes_) == 2:
        # For two classes scikit-learn keeps one row, the second class against the first.
        weights, biases = np.vstack([0 * weights, weights]), np.array([0.0, biases[0]])
    return LinearModel(
        task=task.name,
        classes=tuple(map(str, regression.classes_)),
        features=reader.names,
        means=_numbers(scaler.mean_),
        scales=_numbers(scaler.scale_),
        weights=tuple(map(_numbers, weights)),
        biases=_numbers(biases),
    )


def _numbers(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


@dataclass(frozen=True)
class Label:
    """The stage that writes a task's answer into each record."""

    task: Task
    model: LinearModel
    name: str = "labels"

    def __post_init__(self) -> None:
        """Refuse a model that was fitted for something else."""
        if (
            self.model.task != self.task.name
            or self.model.features != FeatureReader(self.task).names
        ):
            raise RecipeError(
                f"The model for {self.model.task!r} does not fit the labelling task"
                f" {self.task.name!r} as it is now; fit it anew."
            )

    def __call__(self, records: Iterable[Record]) -> Iterable[Record | Drop]:
        """Label the files of one repository; none is dropped."""
        seen = list(records)
        if not seen:
            return
        answers = self.model.answers(FeatureReader(self.task).read(seen))
        for record, answer in zip(seen, answers, strict=True):
            labels = {**record.labels, self.task.name: answer}
            yield msgspec.structs.replace(record, labels=labels)


def judgements_table(task: Task, judgements: Sequence[Judgement]) -> str:
    """Return the scores as a table in Markdown: overall, then by language."""
    head = (
        "by", "files", f"{task.classes[0]} %", "right %", "precision %", "recall %", "F1 %",
        "macro F1 %",
    )  # fmt: skip
    rows = [head, ("---",) * len(head)]
    for one in judgements:
        rows.append(_row(one.name, one.overall))
        rows += [
            _row(f"{one.name}, {language}", score) for language, score in one.languages.items()
        ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(name: str, score: Score) -> tuple[str, ...]:
    shares = (
        score.positive, score.accuracy, score.precision, score.recall, score.f1, score.macro_f1,
    )  # fmt: skip
    return name, str(score.files), *(f"{100 * share:.0f}" for share in shares)
