"""When nothing is done ahead."""

from dataclasses import dataclass
from types import SimpleNamespace

import psutil
import pytest

from lsp_server.completion.effort import (
    BUSY_LOAD,
    CALM_LOAD,
    LOOK_EVERY,
    Effort,
    Efforts,
    load_per_core,
    on_battery,
)


@dataclass
class Machine:
    battery: bool = False
    load: float = 0.0
    time: float = 100.0

    def efforts(self) -> Efforts:
        return Efforts(lambda: self.battery, lambda: self.load, lambda: self.time)


def test_a_machine_on_battery_or_busy_is_spared() -> None:
    machine = Machine()
    efforts = machine.efforts()
    assert efforts.now() is Effort.FULL
    machine.battery = True
    assert efforts.now() is Effort.FULL
    machine.time += LOOK_EVERY
    assert efforts.now() is Effort.BATTERY
    machine.battery, machine.load = False, BUSY_LOAD + 0.1
    machine.time += LOOK_EVERY
    assert efforts.now() is Effort.BUSY


def test_what_was_busy_has_to_become_calm() -> None:
    machine = Machine(load=BUSY_LOAD + 0.1)
    efforts = machine.efforts()
    assert efforts.now() is Effort.BUSY
    for load, effort in (
        (BUSY_LOAD - 0.1, Effort.BUSY),
        (CALM_LOAD - 0.1, Effort.FULL),
        (BUSY_LOAD - 0.1, Effort.FULL),
    ):
        machine.load, machine.time = load, machine.time + LOOK_EVERY
        assert efforts.now() is effort


def test_every_silence_has_a_sentence() -> None:
    assert [bool(effort.explanation) for effort in Effort] == [False, True, True]


@pytest.mark.parametrize(("plugged", "found"), [(True, False), (False, True), (None, False)])
def test_the_battery_is_asked(
    monkeypatch: pytest.MonkeyPatch, plugged: bool | None, found: bool
) -> None:
    battery = SimpleNamespace(power_plugged=plugged)
    monkeypatch.setattr(psutil, "sensors_battery", lambda: battery, raising=False)
    assert on_battery() is found


def test_a_machine_that_cannot_say_has_no_battery(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "sensors_battery", lambda: None, raising=False)
    assert not on_battery()
    monkeypatch.delattr(psutil, "sensors_battery")
    assert not on_battery()


def test_the_load_is_a_share_of_all_cores() -> None:
    assert load_per_core() >= 0.0
