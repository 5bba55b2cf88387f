"""Every error that fimbul-models raises on purpose.

    FimbulError (of the server's package)
    ├── SourceError            a package could not be fetched or read as data
    ├── RecipeError            a recipe, an items file or a command's argument does not fit
    └── EvaluationError        the server or the model under evaluation did not answer

Messages say what happened, to which file, and what to do.
"""

from lsp_server.errors import FimbulError


class SourceError(FimbulError):
    """A package could not be fetched or read as data."""


class RecipeError(FimbulError):
    """A recipe, a file of items or an argument of a command does not fit."""


class EvaluationError(FimbulError):
    """The server or the model under evaluation did not answer."""
