"""What a command has to ask for: the environment, standard input, or the person at the terminal.

Never an argument, which every user of the computer could read in its list of programs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import click

from agent.errors import PlainError
from agent.xero.models import Connection


@dataclass(frozen=True)
class Asking:
    """Where answers come from.

    Attributes:
        lines: The lines of standard input where they were announced, else None.
    """

    lines: Iterator[str] | None = None

    def secret(self, what: str, given: str = "") -> str:
        """A secret; typed unseen.

        Args:
            what: Its name, for the person.
            given: The answer where the environment has it.

        Raises:
            PlainError: Nobody is there to be asked.
        """
        if given:
            return given
        if self.lines is not None:
            found = next(self.lines, "")
            if not found.strip():
                raise PlainError(f"Standard input does not give the {what}.", "Give one line for each, in this order.")
            return found
        return self._prompt(what, is_secret=True)

    def text(self, what: str, given: str = "", default: str = "", *, is_needed: bool = True) -> str:
        """A word that may be seen; with Enter the default.

        Raises:
            PlainError: Nobody is there to be asked, and there is no default for what is needed.
        """
        if given:
            return given
        if (default or not is_needed) and not _is_terminal():
            return default
        return self._prompt(what, is_secret=False, default=None if is_needed and not default else default)

    @staticmethod
    def _prompt(what: str, *, is_secret: bool, default: str | None = None) -> str:
        if not _is_terminal():
            raise PlainError(
                f"The {what} is missing, and there is no terminal to ask for it.",
                "Give it as “autoxero connect --help” and docs/connect.md say.",
            )
        label = f"{what[0].upper()}{what[1:]}" + (" (it stays unseen)" if is_secret else "")
        return str(click.prompt(label, default=default, show_default=bool(default), hide_input=is_secret, err=True))


def asking(*, from_stdin: bool) -> Asking:
    """Ask at the terminal, or take the lines of standard input, in UTF-8."""
    if not from_stdin:
        return Asking()
    return Asking(iter(sys.stdin.buffer.read().decode("utf-8-sig").splitlines()))


def choose() -> Callable[[Sequence[Connection]], Connection] | None:
    """How a person chooses one of several organisations at the terminal; None where there is none."""
    return _chosen if _is_terminal() else None


def labels(found: Sequence[Connection]) -> list[str]:
    """The organisations by name; with the id behind it where another one has the same."""
    names = [item.tenant_name.casefold() for item in found]
    return [
        f"{item.tenant_name} ({item.tenant_id})" if names.count(item.tenant_name.casefold()) > 1 else item.tenant_name
        for item in found
    ]


def is_called(item: Connection, wanted: str) -> bool:
    """Whether the organisation has this name, in either case, or this id."""
    return wanted.casefold() in {item.tenant_name.casefold(), item.tenant_id.casefold()}


def _chosen(found: Sequence[Connection]) -> Connection:
    for number, label in enumerate(labels(found), 1):
        click.echo(f"{number:3}  {label}", err=True)
    number = click.prompt("Which organisation", type=click.IntRange(1, len(found)), err=True)
    return found[int(number) - 1]


def _is_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
