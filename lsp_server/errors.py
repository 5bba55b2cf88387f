"""Every error that fimbul raises on purpose.

    FimbulError                what happened, to which file or setting, what to do
    ├── ConfigError            a settings file that cannot be read or written
    ├── ModelError             something is wrong with a model
    │   ├── ModelUnknown       no model of that name in the catalogue
    │   ├── ModelMissing       known, but its file is not on this machine
    │   ├── ModelDamaged       the bytes are not the ones the catalogue names
    │   ├── ModelUntrusted     put there by hand, and nobody has vouched for it
    │   └── ModelUnusable      not a model that can be served (not a GGUF, no tokens, …)
    ├── AdapterError           an adapter that is not what it should be, or does not fit
    ├── PullError              a model could not be fetched
    ├── SetupError             the engine could not be built or checked
    ├── FeedbackError          what was remembered of suggestions cannot be read or written
    ├── ReferencesError        an index of published code, or the list of what resembles it
    └── EngineError            the engine did not do what it was asked
        ├── EngineCrashed      its process died
        ├── EngineBusy         it is loading
        ├── EngineRefused      it answered with an error of its own
        │   └── AdapterUnfit   it cannot put an adapter over its model
        └── EngineUnreachable  a server did not answer, or not as it should

The message of each is written for the person in front of the editor: what happened, to which
file or setting, what to do. Errors of other libraries are translated into these where they
enter (`raise … from exc`). `asyncio.CancelledError` is never translated.
"""


class FimbulError(Exception):
    """Base of every error that fimbul raises on purpose."""


class ConfigError(FimbulError):
    """A settings file cannot be read or written."""


class ModelError(FimbulError):
    """Something is wrong with a model."""


class ModelUnknown(ModelError):
    """The catalogue holds no model of that name."""


class ModelMissing(ModelError):
    """The model is known, but its file is not on this machine."""


class ModelDamaged(ModelError):
    """The bytes of a model file are not the ones the catalogue names."""


class ModelUntrusted(ModelError):
    """Nobody knows what the file should hold, and the user has not vouched for it."""


class ModelUnusable(ModelError):
    """The file is not a model that can be served."""


class AdapterError(FimbulError):
    """An adapter is not what it should be, or does not fit the model or the repository."""


class PullError(FimbulError):
    """A model could not be fetched."""


class SetupError(FimbulError):
    """The engine could not be built or checked."""


class FeedbackError(FimbulError):
    """What was remembered of suggestions cannot be read or written."""


class ReferencesError(FimbulError):
    """An index of published code, or the list of what resembles it, cannot be used."""


class EngineError(FimbulError):
    """The engine did not do what it was asked."""


class EngineCrashed(EngineError):
    """The engine's process died."""


class EngineBusy(EngineError):
    """The engine is loading a model."""


class EngineRefused(EngineError):
    """The engine answered with an error of its own."""


class AdapterUnfit(EngineRefused):
    """The engine cannot put an adapter over the model that it has loaded."""


class EngineUnreachable(EngineError):
    """A server did not answer, or not as such a server should."""
