"""How the server's log lines look: for people on a terminal, one JSON object a line elsewhere; on stderr.

What is logged is decided where it happens. Secrets and telephone numbers never are.
"""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, Processor

# Of other libraries only what went wrong: they would tell of each request.
_OTHERS_LEVEL: Final = logging.WARNING


def log_to(stream: TextIO, now_ms: Callable[[], int]) -> None:
    """Send all lines of this program, and of the libraries in it, to `stream`; `now_ms` is epoch ms."""

    def stamp(_logger: object, _method: str, line: EventDict) -> EventDict:
        moment = datetime.fromtimestamp(now_ms() / 1000, UTC)
        line["at"] = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        return line

    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        stamp,
    ]
    to_text: list[Processor]
    if stream.isatty():
        # Its usual tracebacks show the values of variables, and among those are secrets.
        plain = structlog.dev.plain_traceback
        to_text = [structlog.dev.ConsoleRenderer(timestamp_key="at", exception_formatter=plain)]
    else:
        to_text = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    sink = logging.StreamHandler(stream)
    sink.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *to_text],
        )
    )
    logging.basicConfig(handlers=[sink], level=_OTHERS_LEVEL, force=True)
    logging.getLogger("queuepulse").setLevel(logging.INFO)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
