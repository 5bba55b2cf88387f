from pathlib import Path

from lsp_server.cli.loading import report, settings_to_try
from lsp_server.inference.tuning import Settings, Times

SERVED = Settings(threads=2, extra_buffers=True, batch=128)
FILE = Path("/home/me/config.toml")


def with_(threads: int = 2, batch: int = 128) -> Settings:
    return Settings(threads, extra_buffers=True, batch=batch)


def test_one_thing_differs_at_a_time_and_what_serves_comes_first() -> None:
    assert settings_to_try(SERVED, 3) == [
        SERVED,
        with_(threads=1),
        with_(threads=3),
        with_(batch=32),
        with_(batch=64),
        with_(batch=256),
    ]


def test_a_machine_of_many_cores_is_not_tried_at_each() -> None:
    threads = {settings.threads for settings in settings_to_try(SERVED, 64)}
    assert sorted(threads) == [1, 2, 3, 4, 6, 8, 10, 12, 14, 16]


def test_a_better_number_of_threads_is_told_with_what_it_saves() -> None:
    tried = [
        (SERVED, Times(prefill=5.0, decode=20.0)),  # 640 ms a request
        (with_(threads=1), Times(prefill=8.0, decode=40.0)),
        (with_(threads=3), Times(prefill=4.0, decode=16.0)),
        (with_(batch=64), Times(prefill=5.5, decode=20.0)),
    ]
    lines = report(tried, FILE).splitlines()
    assert lines[0].endswith("by that of 2: 1 1.80, 2 1.00, 3 0.80.")
    assert lines[1].endswith("by that of 128: 64 1.10, 128 1.00.")
    assert lines[2] == (
        "With `threads = 3` under [engine] in /home/me/config.toml a request would take 20% less"
        " time."
    )


def test_little_is_not_worth_a_line() -> None:
    tried = [(SERVED, Times(5.0, 20.0)), (with_(threads=1), Times(4.9, 19.6))]
    assert "config.toml" not in report(tried, FILE)
