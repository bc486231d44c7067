"""The command line: what a person types. One table of commands, each in a module of its own.

A command's module is imported when the command runs, so that `--help` and the small commands start at once.
"""

import os
import sys
from importlib import import_module
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperGroup

from queuepulse import __version__
from queuepulse.cli.console import Failure

USAGE_EXIT: Final = 2
_UsageError: Final[Any] = typer.BadParameter.__mro__[1]
"""What Typer raises for all bad usage; of its family it names in public only this child."""
INTERRUPTED_EXIT: Final = 130
"""128 and the number of SIGINT, as shells have it."""


class Command(NamedTuple):
    """A command: its name, the module whose `app` it is, and what it does in a line."""

    name: str
    module: str
    does: str


COMMANDS: Final = (
    Command("serve", "serve", "Run the server."),
    Command("check-config", "check_config", "Check a config file, and tell what each setting is."),
    Command("keys", "keys", "Make, list, revoke and pass on the keys of clients."),
    Command("users", "users", "Make and end the users of the wallboard, and links to it."),
    Command("query", "query", "Ask a server for the figures of skill queues."),
    Command("figures", "figures", "Ask a server for more figures, over a window of time."),
    Command("explain", "explain", "Ask a server what a figure is made of, now or in the past."),
    Command("calls", "calls", "Ask a server for single calls: by id, or those of a stretch of time."),
    Command("health", "health", "Ask a server how current and how far checked its figures are."),
    Command("send", "send", "Send a file of events to a server."),
    Command("replay", "replay", "Fold a file of events, without a server, and print figures."),
    Command("sources", "sources", "Look at the switches that the settings name."),
    Command("simulate", "simulate", "Print the events of a simulated contact center."),
    Command("demo", "demo", "Run a server with a simulated contact center in real time."),
    Command("history", "history", "Export what happened, or make it anew from the log."),
    Command("backup", "backup", "Write log, keys and users of a data folder into a file."),
    Command("restore", "restore", "Put a backup into an empty data folder."),
)


class Commands(TyperGroup):
    """The commands of the table, each imported when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return [command.name for command in COMMANDS]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        for command in COMMANDS:
            if command.name == cmd_name:
                found = typer.main.get_command(import_module(f"{__name__}.{command.module}").app)
                found.name = cmd_name
                return found
        return None

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(command.name, command.does) for command in COMMANDS])


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"queuepulse {__version__}")
        raise typer.Exit


@app.callback()
def queuepulse(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Real-time contact-center statistics: events in, figures of skill queues out.

    To see it run: queuepulse demo
    """


def run(arguments: list[str]) -> int:
    """Runs one command and gives its exit status; what a person did wrong is a sentence on stderr."""
    try:
        return int(app(arguments, prog_name="queuepulse", standalone_mode=False) or 0)
    except Failure as failure:
        _tell(str(failure))
        return failure.exit_status
    except _UsageError as error:
        words = error.format_message()
        if words:
            _tell(f"{words} See: {error.ctx.command_path if error.ctx else 'queuepulse'} --help")
        return USAGE_EXIT
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED_EXIT
    except BrokenPipeError:
        # Whoever read our output has enough. What is still in the buffer goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _tell(words: str) -> None:
    typer.echo(f"queuepulse: {words}", err=True)


def main() -> None:
    """The console script. What it writes is for its owner alone: logs, keys and backups are nobody else's."""
    os.umask(0o077)
    sys.exit(run(sys.argv[1:]))
