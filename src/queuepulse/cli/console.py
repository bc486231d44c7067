"""What all commands share in talking to a person: failures as sentences, and notes beside the output."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

import typer

FAILED: Final = 1
MISUSED: Final = 2


class Failure(Exception):
    """A command that cannot go on. The text tells a person what happened, where, and what to do."""

    def __init__(self, words: str, exit_status: int = FAILED) -> None:
        super().__init__(words)
        self.exit_status = exit_status


def misuse(words: str) -> Failure:
    """A failure of how the command was called: exit status 2."""
    return Failure(words, MISUSED)


def command_app(does: str | None = None) -> typer.Typer:
    """An empty app for a command, or for several under one name. Plain help: it starts in half the time."""
    return typer.Typer(
        help=does,
        no_args_is_help=does is not None,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )


@contextmanager
def told(*kinds: type[Exception], exit_status: int = FAILED) -> Iterator[None]:
    """Exceptions of these kinds speak to people already: they become failures with the same words."""
    try:
        yield
    except kinds as error:
        raise Failure(str(error), exit_status) from error


def is_for_people(as_json: bool, as_table: bool) -> bool:
    """Whether the output is to be a table: on a terminal, unless an option says otherwise."""
    if as_json and as_table:
        raise misuse("Take --json or --table, not both.")
    return as_table or (not as_json and sys.stdout.isatty())


def note(words: str) -> None:
    """Tells a person something beside the output, on stderr."""
    typer.echo(words, err=True)


def print_columns(lines: Sequence[Sequence[str]]) -> None:
    """Prints lines whose parts stand below each other."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())


def day(at_ms: int) -> str:
    """The UTC minute of an instant, for people."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%MZ")
