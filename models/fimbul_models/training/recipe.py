"""What is trained, on what, and how: one TOML file.

Each table is a struct; what is missing has the default written here. Knows nothing about how
anything is done, and needs none of the extra ``training``.
"""

import enum
import hashlib
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from fimbul_models.corpus.fim import FimRules
from fimbul_models.errors import RecipeError

LINEAR = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
"""The linear layers of a block, as models of Llama's and Qwen2's kind call them."""


class Method(enum.StrEnum):
    """Which weights learn."""

    LORA = "lora"
    """Small matrices beside the linear layers (arXiv 2106.09685); the base stays as it is."""
    FULL = "full"
    """All weights, the embeddings of sentinels included."""


class Precision(enum.StrEnum):
    """What the base computes in; what learns is kept in 32 bits always."""

    FLOAT = "fp32"
    BRAIN = "bf16"


class Base(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which weights training begins with."""

    model: str = ""
    """Name of an installed model of the catalogue; its GGUF is dequantised, so that what is learnt
    fits what runs."""
    path: str = ""
    """A GGUF file, or a folder as the hub has them; relative to the recipe."""

    def __post_init__(self) -> None:
        """Refuse anything but one of the two."""
        if bool(self.model) == bool(self.path):
            raise ValueError("the base is either a `model` of the catalogue or a `path`")


class Data(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is learnt from; exactly one of the first three is given."""

    shards: str = ""
    """Folder of Parquet files, as `fimbul-models corpus` writes them; relative to the recipe."""
    corpus: str = ""
    """Recipe of a corpus, which is made first."""
    folder: str = ""
    """Folder of code that is one's own. It becomes a corpus of its own: without near-copies, with
    secrets and personal data redacted, whatever its licence."""
    fim: FimRules = msgspec.field(default_factory=FimRules)
    """How examples are cut out of `folder`."""
    validation: float = 0.05
    """Share of the files that judge instead of training, where the corpus has no such side."""
    tokens: int = 0
    """Most tokens of a pass; 0 takes all. What is taken is drawn by the seed."""
    judging_tokens: int = 20_000
    """Most tokens that one look at the validation side takes; 0 takes all."""

    def __post_init__(self) -> None:
        """Refuse none or several, and shares that leave nothing."""
        if sum(map(bool, (self.shards, self.corpus, self.folder))) != 1:
            raise ValueError("the data are one of `shards`, `corpus` and `folder`")
        if not 0.0 <= self.validation < 1.0 or min(self.tokens, self.judging_tokens) < 0:
            raise ValueError("validation has to lie between 0 and 1, tokens to be 0 or more")


class Lora(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The shape of an adapter."""

    rank: int = 8
    alpha: float = 16.0
    """What the adapter adds is multiplied by this over the rank."""
    dropout: float = 0.05
    targets: tuple[str, ...] = LINEAR

    def __post_init__(self) -> None:
        """Refuse what llama.cpp could not load."""
        if self.rank < 1 or not 0.0 <= self.dropout < 1.0:
            raise ValueError("rank has to be 1 or more, dropout between 0 and 1")
        if not self.targets or set(self.targets) - set(LINEAR):
            raise ValueError(f"targets have to be some of {', '.join(LINEAR)}")


class Objective(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is rewarded, and in which sequences."""

    sequence: int = 1024
    """Tokens of a sequence, into which several examples are packed."""
    end_weight: float = 5.0
    """What the token that ends a middle weighs against others; a model that never ends one runs on
    into what is there already."""
    prompt_weight: float = 0.0
    """What the tokens of a prompt weigh; 0 teaches the middle only."""
    end: str = ""
    """Token that ends a middle; empty is the one that ends the model's texts."""
    sentinels: dict[str, str] = {}
    """Spare tokens of the base by those of the corpus's FIM format that they stand in for, where
    the base was never taught to fill in."""

    def __post_init__(self) -> None:
        """Refuse what could not be learnt."""
        if self.sequence < 16:
            raise ValueError("a sequence has 16 tokens or more")
        if self.end_weight < 0 or self.prompt_weight < 0:
            raise ValueError("weights have to be 0 or more")
        if len(set(self.sentinels.values())) != len(self.sentinels):
            raise ValueError("two sentinels stand for the same token")


class Schedule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How long, how fast, and when it is looked at."""

    passes: float = 2.0
    """How often the data is gone through."""
    steps: int = 0
    """Most steps; 0 is as many as the passes make."""
    rate: float = 2e-4
    """Highest learning rate."""
    sentinel_rate: float = 0.0
    """That of the embeddings of sentinels; 0 is the same."""
    warm_up: float = 0.03
    """Share of the steps in which the rate rises; then it falls as a cosine to a tenth."""
    weight_decay: float = 0.0
    clip: float = 1.0
    """Largest norm of a gradient."""
    accumulate: int = 8
    """Sequences of one step, over all devices."""
    evaluate: int = 20
    """Steps between two looks at the validation side."""
    patience: int = 3
    """Looks without a better loss after which training ends; 0 never ends early."""
    checkpoint: int = 20
    """Steps between two checkpoints."""

    def __post_init__(self) -> None:
        """Refuse what would do nothing."""
        if self.passes <= 0 or self.rate <= 0 or min(self.steps, self.patience) < 0:
            raise ValueError("passes and rate have to be more than 0, steps and patience 0 or more")
        if min(self.accumulate, self.evaluate, self.checkpoint) < 1:
            raise ValueError("accumulate, evaluate and checkpoint have to be 1 or more")
        if not 0.0 <= self.warm_up < 1.0:
            raise ValueError("warm_up has to lie between 0 and 1")


class Private(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Differential privacy: how little the adapter may tell about any one file."""

    epsilon: float = 0.0
    """How much may be learnt of whether a file was there; 0 switches it off."""
    delta: float = 0.0
    """Chance that this does not hold; 0 is a tenth of one over the number of files."""
    clip: float = 1.0
    """Largest norm of one file's gradient."""
    files: int = 64
    """Files of a step, on average; each is drawn by itself."""

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        if self.epsilon < 0 or not 0.0 <= self.delta < 1.0 or self.clip <= 0 or self.files < 1:
            raise ValueError(
                "epsilon has to be 0 or more, delta between 0 and 1, clip more than 0, files 1 or"
                " more"
            )


class TrainRecipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A recipe."""

    name: str
    description: str = ""
    seed: int = 0
    """Of every choice but the noise of differential privacy, which nobody may know."""
    method: Method = Method.LORA
    precision: Precision = Precision.BRAIN
    base: Base
    data: Data
    lora: Lora = Lora()
    objective: Objective = msgspec.field(default_factory=Objective)
    schedule: Schedule = Schedule()
    private: Private = Private()

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        if self.private.epsilon and self.method is not Method.LORA:
            raise ValueError("differential privacy is for adapters: method = 'lora'")
        if self.objective.sentinels and self.method is not Method.FULL:
            raise ValueError("sentinels are learnt with all weights: method = 'full'")

    def digest(self) -> str:
        """Return a digest of all that decides the weights."""
        said = msgspec.json.encode(self, order="deterministic")
        return hashlib.sha256(said).hexdigest()


def read_train_recipe(path: Path) -> TrainRecipe:
    """Read the recipe at `path`.

    Raises RecipeError if it cannot be read or does not fit.
    """
    try:
        values: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        return msgspec.convert(values, TrainRecipe)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise RecipeError(f"The recipe {path} cannot be used: {error}.") from error
    except msgspec.ValidationError as error:
        raise RecipeError(f"The recipe {path} does not fit: {error}.") from error
