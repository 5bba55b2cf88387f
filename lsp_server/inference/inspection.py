"""Ask a throw-away worker what a model file says about itself.

llama.cpp reads the file, so a damaged one can do no harm to this process.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from lsp_server.errors import EngineCrashed, EngineRefused, ModelUnusable
from lsp_server.inference.client import WorkerClient, worker_command
from lsp_server.inference.protocol import Loaded, LoadOptions
from lsp_server.types import ModelDescription


def describe_model(path: Path, command: Sequence[str] | None = None) -> ModelDescription:
    """Return what the model file at `path` says about itself.

    Raises ModelUnusable if llama.cpp cannot read it.
    """
    return asyncio.run(_describe(path, command or worker_command()))


async def _describe(path: Path, command: Sequence[str]) -> ModelDescription:
    worker = await WorkerClient.start(command)
    try:
        loaded = await worker.load(str(path), LoadOptions(vocabulary_only=True))
    except EngineRefused as error:
        raise ModelUnusable(str(error)) from error
    except EngineCrashed as error:
        raise ModelUnusable(
            f"{path} made the engine crash while it was read, so it is damaged or of a kind that "
            f"the engine does not know. {error}"
        ) from error
    finally:
        await worker.close()
    return description_of(loaded)


def description_of(loaded: Loaded) -> ModelDescription:
    """Return the description in a worker's answer."""
    return ModelDescription(
        architecture=loaded.architecture,
        name=loaded.name,
        parameters=loaded.parameters,
        context_length=loaded.context_length,
        fim_tokens=dict(loaded.fim_tokens),
        special_tokens=frozenset(loaded.special_tokens),
    )
