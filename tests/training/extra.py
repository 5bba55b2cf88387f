"""What tests of training need besides; imported before anything that needs it."""

import pytest

WHY = "training needs an extra: pip install 'fimbul-models[corpus,training]'"


def need(*libraries: str) -> None:
    """Skip the module that asks, and say why, if one of `libraries` is not here."""
    for library in libraries:
        pytest.importorskip(library, reason=f"{library} is missing; {WHY}")
