"""What the server writes to its error stream: never text of a document.

pygls puts whole messages, and so the user's code, into some of its log records; those are
written without their arguments and without the texts of exceptions.
"""

import logging
import sys

from lsp_server.config.options import LogLevel


class _WithoutText(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        head = f"{self.formatTime(record)} {record.levelname.lower()} {record.name}: "
        if record.name.split(".")[0] != "lsp_server":
            error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
            return f"{head}{record.msg} [arguments left out] {error}".rstrip()
        return head + record.getMessage()


def start_logging() -> None:
    """Write records to the error stream, from now on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_WithoutText())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def set_level(level: LogLevel) -> None:
    """Write nothing less important than `level`."""
    logging.getLogger("lsp_server").setLevel(level.value.upper())


def place_of(error: BaseException) -> str:
    """Say where an error was raised; its text may quote a document and is not written."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "an unknown place"
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
