"""Settings that the fuzz sends: good ones, ones that are wrong, and ones that are none."""

from typing import Any

_ON = {"completion": {"enable": True, "menu": "on"}}

GOOD = {"fimbul": {**_ON, "context": {"index": True}}}

SETTINGS: tuple[Any, ...] = (
    _ON,
    None,
    {},
    {"fimbul": None},
    {"fimbul": []},
    {"fimbul": {**_ON, "context": {"index": False}}},
    {"fimbul": {**_ON, "context": {"index": True, "sources": []}}},
    {"fimbul": {**_ON, "privacy": {"mode": "strict"}}},
    {"fimbul": {**_ON, "privacy": {"mode": "offline"}}},
    {"fimbul": {**_ON, "privacy": {"off_paths": ["**/sub/**", "[", ""]}}},
    {"fimbul": {**_ON, "feedback": {"enable": False}}},
    {"fimbul": {**_ON, "feedback": {"enable": True, "max_size": 1}}},
    {"fimbul": {**_ON, "log": {"level": "debug", "file": True, "requests": True}}},
    {"fimbul": {**_ON, "log": {"level": "error", "requests": False}}},
    {"fimbul": {**_ON, "engine": {"threads": 1}}},
    {"fimbul": {**_ON, "engine": {"ahead": "off"}}},
    {"fimbul": {**_ON, "engine": {"remote_url": "http://127.0.0.1:9/"}}},
    {"fimbul": {"completion": {"menu": "on", "time_budget": 0, "candidates": 3}}},
    {"fimbul": {"completion": {"menu": "on", "time_budget": 50, "show": "all"}}},
    {"fimbul": {"completion": {"menu": "on", "max_tokens": 1, "surfaces": ["line"]}}},
    {"fimbul": {"completion": {"menu": "on", "trigger": "manual"}}},
    {"fimbul": {"completion": {"menu": "off", "disabled_languages": ["python"]}}},
    {"fimbul": {"completion": {"enable": False}}},
    {"fimbul": {"completion": 7, "nonsense": {"a": [1]}, "privacy": {"mode": "none"}}},
    {"fimbul": {"completion": {"max_tokens": -1, "time_budget": 1e300, "show": None}}},
    {"fimbul": {"completion": {"max_tokens": True, "surfaces": "line", "enable": "yes"}}},
    {"fimbul": {"context": {"prefix_tokens": 10**30, "sources": [None, 7, "nonsense"]}}},
    {"fimbul.completion.enable": True},
    [1, 2],
    "text",
    7,
)

ANSWERS: tuple[Any, ...] = (
    {"result": [_ON]},
    {"result": [_ON]},
    {"result": [None]},
    {"result": []},
    {"result": None},
    {"result": [7, "text"]},
    {"result": {"completion": []}},
    {"error": {"code": -32601, "message": "no settings here"}},
)
"""What the editor says when it is asked for its settings."""
