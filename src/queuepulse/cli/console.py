"""What all commands share in talking to a person: failures as sentences, and notes beside the output."""

from collections.abc import Iterator
from contextlib import contextmanager
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


def note(words: str) -> None:
    """Tells a person something beside the output, on stderr."""
    typer.echo(words, err=True)
