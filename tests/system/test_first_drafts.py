"""The setup's first drafts: these few and no others, and everything else as it was."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from agent.errors import PlainError, StopError
from agent.pretend.troubles import Trouble
from agent.verbs import set_value
from tests.support import Practice, support
from tests.system.test_setup import YES, Script, drafts, fresh, go

__all__ = ["fresh"]  # the fixture


def settings_of(practice: Practice) -> dict[str, object]:
    return {row["Setting"]: row["Value"] for row in practice.table("Settings")}


def test_others_that_came_in_meanwhile_are_not_sent(fresh: Practice) -> None:
    """The first ones were not right, something was mended, and much more is ready now."""
    with pytest.raises(PlainError):
        go(fresh, Script({**YES, "drafts_are_right": "no"}))
    for number in range(10):
        day = datetime.now(UTC).date().replace(day=1)
        fresh.world.invoice("Kauri Legal", [support("1")], number=f"NEW-{number}", day=day)
    with pytest.raises(PlainError):
        go(fresh, Script({**YES, "drafts_are_right": "no"}))
    assert len(drafts(fresh)) == 4


def test_nothing_is_typed_into_the_workbook_for_them(fresh: Practice) -> None:
    """Where the computer dies in the middle the mode is what it was: only these few could be sent."""
    with pytest.raises(KeyboardInterrupt):
        go(fresh, Script(YES, {"10"}))
    set_value(fresh.desk(), "Invoice status in Xero", "Approved")
    seen: list[dict[str, object]] = []

    def look(_call: object) -> None:
        seen.append(settings_of(fresh))

    before = settings_of(fresh)
    fresh.cloud.troubles.on_request = look
    with pytest.raises(PlainError):
        go(fresh, Script({**YES, "drafts_are_right": "no"}))
    fresh.cloud.troubles.on_request = None
    assert before["Sync mode"] == "Preview"
    assert all(item == before for item in seen)
    assert len(drafts(fresh)) == 2


def test_what_was_deleted_in_xero_as_not_right_is_sent_anew(fresh: Practice) -> None:
    with pytest.raises(PlainError):
        go(fresh, Script({**YES, "drafts_are_right": "no"}))
    for document in fresh.cloud.xero.documents():
        fresh.cloud.xero.change(document.id, status="DELETED")
    script = go(fresh, Script({**YES, "first_drafts": "6", "send_rest": "yes"}))
    assert "AT-0, AT-1: deleted in Xero, so sent anew with the others." in script.text
    assert len(drafts(fresh)) == 6
    assert {row["status"] for row in fresh.rows().values() if row["number"] != "AT-9"} == {"Synced"}


def test_after_an_outage_the_same_ones_are_tried_again(fresh: Practice) -> None:
    fresh.cloud.troubles.add(Trouble("cut_before", system="xero", method="PUT", times=None))
    fresh.home.mkdir(exist_ok=True)
    with pytest.raises(StopError):
        go(fresh, Script(YES))
    fresh.cloud.troubles.clear()
    script = go(fresh, Script(YES))
    assert "first_drafts" not in script.asked
    assert len(drafts(fresh)) == 2


def test_paused_is_named(fresh: Practice) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(fresh, Script(YES, {"8"}))
    set_value(fresh.desk(), "Paused", "Yes")
    with pytest.raises(PlainError, match="“Paused” is Yes"):
        go(fresh, Script(YES))
