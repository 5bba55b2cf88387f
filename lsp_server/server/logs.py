"""What the server writes to its error stream and to its log file: never text of a document.

pygls puts whole messages, and so the user's code, into some of its log records; those are
written without their arguments and without the texts of exceptions.
"""

import io
import logging
import os
import sys
import time
from logging.handlers import RotatingFileHandler
from pathlib import Path

from lsp_server.config.options import LogLevel, LogOptions
from lsp_server.config.private import make_folder, open_to_append, remove_old, session_name

SUFFIX = ".log"

_THOUSAND = 1000
"""Bytes in a kilobyte."""

_LOG = logging.getLogger(__name__)


class _WithoutText(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        head = f"{self.formatTime(record)} {record.levelname.lower()} {record.name}: "
        if record.name.split(".")[0] != "lsp_server":
            error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
            return f"{head}{_told_by(record)} [arguments left out] {error}".rstrip()
        return head + record.getMessage()


def _told_by(record: logging.LogRecord) -> str:
    """Return what of another library's message was not put together while it ran."""
    message = str(record.msg).partition("\n")[0]
    if record.name == "asyncio":
        # It writes tasks and callbacks into its messages, and with them what they were given.
        message = message.partition("<")[0].partition("(")[0].rstrip()
    return message


class _OwnersFile(RotatingFileHandler):
    """A log that only its owner can read."""

    def _open(self) -> io.TextIOWrapper:
        stream = open_to_append(self.baseFilename)
        return io.TextIOWrapper(stream, encoding="utf-8", errors="backslashreplace")


class LogFile:
    """The rotating log file of one server, which is there only if something was written."""

    def __init__(self, folder: Path) -> None:
        """Write nothing yet."""
        self.file = folder / (session_name(time.time(), os.getpid()) + SUFFIX)
        """Where it is, once something was written."""
        self._handler: _OwnersFile | None = None
        self._options: LogOptions | None = None

    def configure(self, options: LogOptions) -> None:
        """Write what `options` say from now on, at their sizes."""
        set_level(options.level)
        if options == self._options:
            return
        self._options = options
        self.close()
        if not options.file:
            return
        try:
            make_folder(self.file.parent)
            remove_old(self.file.parent)
        except OSError as error:
            _LOG.warning("there is no log file: %s", error)
            return
        self._handler = _OwnersFile(
            self.file,
            maxBytes=options.file_size * _THOUSAND,
            backupCount=options.older_files,
            encoding="utf-8",
            delay=True,
        )
        self._handler.setFormatter(_WithoutText())
        logging.getLogger().addHandler(self._handler)

    def close(self) -> None:
        """Write nothing any more."""
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
            self._handler.close()
            self._handler = None


def start_logging() -> None:
    """Write records to the error stream, from now on."""
    # Where a record cannot be written, logging would print it with its arguments.
    logging.raiseExceptions = False
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
