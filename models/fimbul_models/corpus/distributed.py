"""Run a function over many tasks with Ray Data, for corpora that outgrow one machine.

All machines must see the same work folder and output folder. Nothing is sent to Ray's makers, and
a cluster that is started here listens on this machine alone.
"""

import os
import pickle
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from fimbul_models.corpus.engines import Died, Done, run_alone
from fimbul_models.errors import RecipeError

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

_LOCAL_MEMORY = 200 * 1024 * 1024
"""Bytes of Ray's object store where it is started here; tasks and results are small."""


class RayData:
    """Runs tasks on a Ray cluster: the one at `address`, or one of this machine."""

    name = "ray"

    def __init__(self, address: str = "", processes: int | None = None) -> None:
        """Take the address of a running cluster, or how many processes to start here.

        Raises RecipeError if Ray is not installed.
        """
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        try:
            import ray
            import ray.data
        except ImportError as error:
            raise RecipeError(
                "--engine ray needs Ray: pip install 'fimbul-models[corpus,ray]'."
            ) from error
        self._ray: Any = ray
        self._address = address
        self._processes = processes

    def map(
        self, function: Callable[[_Task], _Result], tasks: Sequence[_Task]
    ) -> Iterator[Done[_Task, _Result] | Died[_Task]]:
        """Run `function` over `tasks` on the cluster."""
        if not tasks:
            return
        self._connect()
        left = dict(enumerate(tasks))
        rows = [
            {"number": number, "call": pickle.dumps((function, task))}
            for number, task in left.items()
        ]
        data = self._ray.data.from_items(rows, override_num_blocks=len(rows)).map(_call)
        try:
            for row in data.iter_rows():
                yield Done(left.pop(row["number"]), pickle.loads(row["result"]))  # noqa: S301
        except self._ray.exceptions.RayError as error:
            if isinstance(error, self._ray.exceptions.RayTaskError) and not _is_death(error):
                raise error.as_instanceof_cause() from error
        # What a death on the cluster has cut short is done here, each task in its own process.
        for task in left.values():
            yield run_alone(function, task)

    def _connect(self) -> None:
        if self._ray.is_initialized():
            return
        if self._address:
            self._ray.init(address=self._address, log_to_driver=False)
        else:
            self._ray.init(
                num_cpus=self._processes,
                include_dashboard=False,
                object_store_memory=_LOCAL_MEMORY,
                _node_ip_address="127.0.0.1",
                log_to_driver=False,
            )
        with warnings.catch_warnings():
            # Its settings warn of each other, whoever reads them.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._ray.data.DataContext.get_current().enable_progress_bars = False

    def close(self) -> None:
        """Leave the cluster, and end it if it was started here."""
        if self._ray.is_initialized():
            self._ray.shutdown()


def _call(row: dict[str, Any]) -> dict[str, Any]:
    function, task = pickle.loads(row["call"])  # noqa: S301
    return {"number": row["number"], "result": pickle.dumps(function(task))}


def _is_death(error: Any) -> bool:
    return "WorkerCrashedError" in str(error) or "ActorDiedError" in str(error)
