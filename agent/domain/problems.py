"""What is wrong with something a person typed, and what would be right."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing to mend before anything is sent.

    Attributes:
        where: The setting or mapping row by the name a person sees, such as ``Start date``.
        message: One or two sentences: what is wrong, and what to type instead.
    """

    where: str
    message: str
