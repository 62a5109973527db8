"""Whom the setup asks: the person at the terminal, or a file of answers."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Protocol

import click

from agent.asking import Asking
from agent.errors import PlainError

SECRETS = ("autotask_secret", "autotask_integration_code", "xero_client_secret")
"""Answers that a file may only name by a variable of the environment, as in ``env:MY_SECRET``."""
TABLES = ("account", "tax", "contact")
"""Answers for single mapping rows: a table each, from the row's key to its target."""
KEYS = (
    "workbook", "autotask_user", *SECRETS, "xero_client_id", "xero_sign_in", "organisation", "start_date",
    "default_account", "accounts", "taxes", "contacts", "create_missing_contacts", "take_over", "preview",
    "first_drafts", "drafts_are_right", "invoice_status", "go_live", "send_rest", "start_at_log_on", *TABLES,
)  # fmt: skip
"""Everything that a file of answers may hold."""


@dataclass(frozen=True)
class Question:
    """A question with its default.

    Attributes:
        key: Its name in a file of answers.
        text: What is asked.
        default: What Enter answers; blank where there is no sensible default.
        help: What the answer does.
        must: A file of answers has to give it: it is no default's business.
    """

    key: str
    text: str
    default: str = ""
    help: str = ""
    must: bool = False


class Talk(Protocol):
    """The other side of the setup."""

    def say(self, text: str) -> None:
        """Tell something."""

    def ask(self, question: Question) -> str:
        """Have a question answered."""

    def secret(self, key: str, what: str, given: str) -> str:
        """Have a secret given; ``given`` is what the environment has of it."""

    def table(self, name: str) -> Mapping[str, str]:
        """Answers given beforehand for single mapping rows."""

    @property
    def asks_again(self) -> bool:
        """Whether an answer that cannot be used is asked for again."""


@dataclass
class Terminal:
    """The person at the terminal."""

    asking: Asking = field(default_factory=Asking)

    asks_again = True

    def say(self, text: str) -> None:
        """Tell something."""
        click.echo(text, err=True)

    def ask(self, question: Question) -> str:
        """Ask; Enter takes the default."""
        if question.help:
            self.say(f"  {question.help}")
        shown = bool(question.default)
        return str(click.prompt(f"  {question.text}", default=question.default, show_default=shown, err=True)).strip()

    def secret(self, key: str, what: str, given: str) -> str:  # noqa: ARG002 - the port's
        """Ask; what is typed stays unseen."""
        return self.asking.secret(what, given)

    def table(self, name: str) -> Mapping[str, str]:  # noqa: ARG002 - the port's
        """Nothing was said beforehand."""
        return {}


@dataclass
class Answers:
    """A file of answers. What it does not say is answered by the defaults, but for what nobody may assume."""

    given: Mapping[str, str]
    tables: Mapping[str, Mapping[str, str]]
    environment: Mapping[str, str]
    asking: Asking = field(default_factory=Asking)

    asks_again = False

    def say(self, text: str) -> None:
        """Tell something."""
        click.echo(text, err=True)

    def ask(self, question: Question) -> str:
        """Take the file's answer, else the default.

        Raises:
            PlainError: It has none, and there is no default.
        """
        if question.key not in self.given and (question.must or not question.default):
            raise PlainError(
                f"The file of answers does not say “{question.key}”: {question.text}",
                f"{question.help} Add the line and run it again: it goes on here.",
            )
        answer = self.given.get(question.key, question.default)
        self.say(f"  {question.text} {answer}")
        return answer

    def secret(self, key: str, what: str, given: str) -> str:
        """Take it from the variable that the file names, else from standard input, where that was announced.

        Raises:
            PlainError: Neither gives it.
        """
        named = self.given.get(key, "").removeprefix("env:")
        if given or not named:
            return self.asking.secret(what, given)
        if not self.environment.get(named):
            raise PlainError(
                f"The variable {named}, which is to give the {what}, is not set.", "Set it, and try again."
            )
        return self.environment[named]

    def table(self, name: str) -> Mapping[str, str]:
        """The file's table of that name."""
        return self.tables.get(name, {})


def read_answers(path: Path, environment: Mapping[str, str], asking: Asking) -> Answers:
    """Read a file of answers.

    Raises:
        PlainError: It cannot be read, says something unknown, or holds a secret.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise PlainError(f"{path} cannot be read ({type(error).__name__}).", "Give a text file in UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise PlainError(f"{path} is no file of answers: {error}.", "docs/setup.md shows one.") from None
    for name, value in raw.items():
        _check(name, value)
    plain = {name: _text(value) for name, value in raw.items() if name not in TABLES}
    tables = {name: {key: _text(item) for key, item in raw[name].items()} for name in TABLES if name in raw}
    return Answers(plain, tables, environment, asking)


def _check(name: str, value: object) -> None:
    if name not in KEYS:
        near = get_close_matches(name, KEYS, n=1)
        hint = f"Did you mean “{near[0]}”?" if near else "docs/setup.md lists them all."
        raise PlainError(f"There is no answer called “{name}”.", hint)
    if name in SECRETS and not str(value).startswith("env:"):
        raise PlainError(
            f"“{name}” may not stand in a file.",
            f'Name a variable of the environment instead, as in {name} = "env:MY_SECRET", or give --from-stdin.',
        )
    if isinstance(value, dict) != (name in TABLES):
        raise PlainError(f"“{name}” cannot be answered so.", "docs/setup.md shows how.")


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if isinstance(value, date) else str(value)


def yes(talk: Talk, question: Question) -> bool:
    """Have a question answered by yes or no."""
    while True:
        answer = talk.ask(question).casefold()
        if answer in {"y", "yes", "true"}:
            return True
        if answer in {"n", "no", "false"}:
            return False
        refuse(talk, PlainError(f"“{answer}” is neither yes nor no.", "Type y or n."))


def refuse(talk: Talk, error: PlainError) -> None:
    """Say why an answer cannot be used, where it is asked for again.

    Raises:
        PlainError: It is not.
    """
    if not talk.asks_again:
        raise error
    talk.say(f"  {error.message} {error.next_step}")
