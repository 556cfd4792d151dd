"""For tests that configure logging: afterwards it is as it was."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

__all__ = ["kept_logging"]


@contextmanager
def kept_logging() -> Iterator[None]:
    """Put handlers, levels and structlog's configuration back when the block ends."""
    root, show = logging.getLogger(), warnings.showwarning
    loggers = [root, *(logger for logger in root.manager.loggerDict.values() if isinstance(logger, logging.Logger))]
    before = [(logger, logger.handlers[:], logger.level, logger.propagate) for logger in loggers]
    try:
        yield
    finally:
        logging.captureWarnings(False)
        warnings.showwarning = show
        structlog.reset_defaults()
        for logger, handlers, level, propagate in before:
            logger.handlers[:] = handlers
            logger.setLevel(level)
            logger.propagate = propagate
