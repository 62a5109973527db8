"""The inbox: what a button may ask for, what is refused, and what the folder looks like afterwards."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import Config
from agent.domain.faults import CATALOGUE
from agent.inbox import (
    FRESH,
    KEEP,
    LARGEST,
    ON_INVOICES,
    VERBS,
    Inbox,
    Refusal,
    Request,
    parse,
)  # fmt: skip

NOW = datetime(2026, 11, 23, 22, 35, tzinfo=UTC)
NAME = "0b5e7a0e-6a43-4d4b-8d63-2a7c5c1f9a10"
BOOK = "book-1"


def put(folder: Path, text: str | bytes, name: str = "", written: datetime = NOW) -> str:
    """A request as a button writes it: under another name first, then renamed."""
    name = name or str(uuid.uuid4())
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.tmp"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    os.utime(path, (written.timestamp(), written.timestamp()))
    path.rename(path.with_suffix(".request"))
    return name


def taken(inbox: Inbox, now: datetime = NOW) -> Request | Refusal:
    """The only request of this look."""
    (found,) = inbox.take(now, BOOK)
    return found


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(tmp_path / "inbox")


# --- reading ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_reads_a_request(line_end: str) -> None:
    lines = ["verb=resync", "ids=101,102,101", f"workbook={BOOK}", "time=2026-11-23T22:35:00Z", ""]
    assert parse(NAME, line_end.join(lines).encode(), NOW) == Request(NAME, "resync", (101, 102), "", BOOK, NOW)  # type: ignore[arg-type]


def test_reads_every_verb_and_every_fault() -> None:
    for verb in VERBS - {"resync-fault"}:
        ids = "ids=7\n" if verb in ON_INVOICES else ""
        assert isinstance(parse(NAME, f"verb={verb}\n{ids}".encode(), NOW), Request), verb
    for code in CATALOGUE:
        found = parse(NAME, f"verb=resync-fault\nfault={code}\nids=\n".encode(), NOW)
        assert isinstance(found, Request)
        assert found.fault == code


def test_takes_the_moment_of_writing_where_no_time_is_given() -> None:
    found = parse(NAME, b"verb=sync\ntime=\n", NOW - timedelta(minutes=3))
    assert isinstance(found, Request)
    assert found.time == NOW - timedelta(minutes=3)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "does not know"),
        (b"verb=format-disk", "does not know"),
        (b"verb=Sync", "does not know"),
        (b"verb=sync\nverb=sync", "“verb” where it should not"),
        (b"verb=sync\npath=C:\\Windows", "“path” where it should not"),
        (b"verb=sync\nids=1", "does not take"),
        (b"verb=resync", "No invoice was selected"),
        (b"verb=resync\nids=", "No invoice was selected"),
        (b"verb=resync\nids=1,,2", "no Autotask id"),
        (b"verb=resync\nids=1, 2", "no Autotask id"),
        (b"verb=resync\nids=-1", "no Autotask id"),
        (b"verb=resync\nids=0", "no Autotask id"),
        (b"verb=resync\nids=1;DROP TABLE invoice", "no Autotask id"),
        (b"verb=resync\nids=" + b"9" * 19, "no Autotask id"),
        (b"verb=resync\nids=" + b",".join(b"%d" % n for n in range(1, 5002)), "more than 5000"),
        (b"verb=resync-fault", "names the fault"),
        (b"verb=resync-fault\nfault=AX-999", "names the fault"),
        (b"verb=sync\nfault=AX-105", "names the fault"),
        (b"verb=sync\ntime=yesterday", "no time"),
        (b"verb=sync\ntime=2026-13-45T00:00:00Z", "no time"),
        (b"verb=sync\ntime=2026-11-23T22:35:00", "no time"),
        (b"verb", "cannot be read"),
        (b"verb=sync\0", "cannot be read"),
        (b"verb=sync\n\tids=1", "cannot be read"),
        ("verb=syncé".encode(), "characters"),
        ("verb=sync".encode("utf-16"), "characters"),
        (b"verb=sync\n" + b"\n" * LARGEST, "larger"),
    ],
)
def test_refuses_what_is_not_in_the_contract(content: bytes, said: str) -> None:
    found = parse(NAME, content, NOW)
    assert isinstance(found, Refusal)
    assert said in found.why


def test_takes_the_most_invoices_that_it_says() -> None:
    found = parse(NAME, b"verb=resync\nids=" + b",".join(b"%d" % n for n in range(1, 5001)), NOW)
    assert isinstance(found, Request)
    assert len(found.ids) == 5000


@pytest.mark.parametrize("name", ["", "1", "../../x", NAME + "x", f"{{{NAME}}}", NAME.replace("-", "")])
def test_refuses_names_that_no_button_gives(name: str) -> None:
    assert isinstance(parse(name, b"verb=sync", NOW), Refusal)


CONTRACT = re.compile(
    rb"((verb=[a-z-]+|ids=([1-9]\d{0,17}(,[1-9]\d{0,17})*)?|fault=(AX-\d{3})?|workbook=[ -~]*"
    rb"|time=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)?)?(\r?\n|$))*"
)
"""The lines of the contract, said a second time."""

lines = st.one_of(
    st.sampled_from([f"verb={verb}" for verb in sorted(VERBS)]),
    st.sampled_from(["ids=1,2", "ids=", "fault=AX-105", "fault=", f"workbook={BOOK}", "time=2026-11-23T22:35:00Z"]),
    st.builds("{}={}".format, st.sampled_from(["verb", "ids", "fault", "workbook", "time"]), st.text(max_size=30)),
    st.text(max_size=30),
)
contents = st.one_of(
    st.binary(max_size=200),
    st.lists(lines, max_size=6).flatmap(
        lambda some: st.sampled_from(["\n", "\r\n", "\r"]).map(lambda end: end.join(some).encode("utf-8", "replace"))
    ),
)


@given(contents)
def test_never_crashes_and_never_takes_what_is_not_in_the_contract(content: bytes) -> None:
    found = parse(NAME, content, NOW)
    if isinstance(found, Refusal):
        assert found.why.endswith(".")
        assert found.why.isprintable()
        return
    assert CONTRACT.fullmatch(content)
    assert content.count(b"verb=") >= 1
    assert found.verb in VERBS
    assert bool(found.ids) >= (found.verb in ON_INVOICES)
    assert (found.fault != "") == (found.verb == "resync-fault")
    assert all(0 < item < 10**18 for item in found.ids)


@given(contents)
def test_whatever_lies_in_the_folder_is_taken_away(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as place:
        inbox = Inbox(Path(place))
        put(inbox.folder, content)
        taken(inbox)
        assert not list(inbox.folder.glob("*.request"))


# --- taking ----------------------------------------------------------------------------------------------------------


def test_renames_what_it_takes_and_answers_beside_it(inbox: Inbox) -> None:
    name = put(inbox.folder, f"verb=sync\nworkbook={BOOK}\n")
    found = taken(inbox)
    assert isinstance(found, Request)
    assert [path.name for path in inbox.folder.iterdir()] == [f"{name}.taken"]
    assert inbox.unanswered() == [name]
    inbox.answer(name, "Māori macrons, and 3 invoices.")
    assert (inbox.folder / f"{name}.answer").read_text(encoding="utf-8") == "Māori macrons, and 3 invoices."
    assert inbox.unanswered() == []
    assert not list(inbox.folder.glob("*.tmp"))


def test_takes_the_oldest_first(inbox: Inbox) -> None:
    late, early = (put(inbox.folder, f"verb=sync\nworkbook={BOOK}", written=NOW - timedelta(seconds=s)) for s in (1, 5))
    assert [item.name for item in inbox.take(NOW, BOOK)] == [early, late]


def test_makes_the_folder_and_finds_nothing(inbox: Inbox) -> None:
    assert inbox.take(NOW, BOOK) == []
    assert inbox.folder.is_dir()


def test_leaves_alone_what_is_not_yet_renamed(inbox: Inbox) -> None:
    inbox.folder.mkdir()
    (inbox.folder / f"{NAME}.tmp").write_text("verb=sync")
    assert inbox.take(NOW, BOOK) == []
    assert (inbox.folder / f"{NAME}.tmp").exists()


def test_refuses_another_workbook(inbox: Inbox) -> None:
    put(inbox.folder, "verb=sync\nworkbook=another")
    found = taken(inbox)
    assert isinstance(found, Refusal)
    assert "another workbook" in found.why


@pytest.mark.parametrize("away", [timedelta(minutes=10, seconds=1), -timedelta(minutes=10, seconds=1)])
def test_refuses_what_is_not_of_now(inbox: Inbox, away: timedelta) -> None:
    put(inbox.folder, f"verb=sync\nworkbook={BOOK}\ntime={NOW - away:%Y-%m-%dT%H:%M:%SZ}")
    put(inbox.folder, f"verb=sync\nworkbook={BOOK}", written=NOW - away)
    for found in inbox.take(NOW, BOOK):
        assert isinstance(found, Refusal)
        assert "not of now" in found.why
    put(inbox.folder, f"verb=sync\nworkbook={BOOK}", written=NOW - away * 0.9)
    assert isinstance(taken(inbox), Request)


def test_what_excel_does_itself_is_nothing_that_an_agent_took(inbox: Inbox) -> None:
    """An agent that starts meanwhile leaves it alone: it is neither carried out nor answered as broken off."""
    name = put(inbox.folder, f"verb=sync\nworkbook={BOOK}")
    request = inbox.folder / f"{name}.request"
    request.rename(request.with_suffix(".asked"))
    assert isinstance(inbox.take_asked(name, NOW, BOOK), Request)
    assert inbox.take(NOW, BOOK) == []
    assert inbox.unanswered() == []
    assert isinstance(inbox.take_asked(name, NOW, BOOK), Refusal)


def test_what_was_taken_before_can_be_read_once_more_and_is_not_taken(inbox: Inbox) -> None:
    name = put(inbox.folder, f"verb=never-send\nids=1\nworkbook={BOOK}")
    assert taken(inbox) == inbox.reread(name)
    assert isinstance(inbox.reread("gone"), Refusal)
    assert inbox.take(NOW, BOOK) == []


def test_reads_no_more_of_a_huge_file_than_shows_that_it_is_huge(inbox: Inbox) -> None:
    inbox.folder.mkdir()
    path = inbox.folder / f"{NAME}.request"
    with path.open("wb") as file:
        file.truncate(50_000_000_000)  # sparse
    found = taken(inbox)
    assert isinstance(found, Refusal)
    assert "larger" in found.why


def test_refuses_what_is_no_plain_file(inbox: Inbox, tmp_path: Path) -> None:
    """Neither a link's target nor a folder is read, and a pipe does not hold the agent up."""
    inbox.folder.mkdir()
    target = tmp_path / "secret"
    target.write_text(f"verb=sync\nworkbook={BOOK}")
    (inbox.folder / f"{uuid.uuid4()}.request").symlink_to(target)
    (inbox.folder / f"{uuid.uuid4()}.request").symlink_to(tmp_path / "nowhere")
    (inbox.folder / f"{uuid.uuid4()}.request").mkdir()
    os.mkfifo(inbox.folder / f"{uuid.uuid4()}.request")
    found = inbox.take(NOW, BOOK)
    assert [type(item) for item in found] == [Refusal] * 4
    assert all("no plain file" in item.why for item in found if isinstance(item, Refusal))
    assert inbox.take(NOW, BOOK) == []


def test_tries_again_what_its_writer_still_holds(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows a file that somebody has open can neither be renamed nor, at times, be read."""
    put(inbox.folder, f"verb=sync\nworkbook={BOOK}")
    replace, opened = Path.replace, os.open

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "being used by another process")

    monkeypatch.setattr(Path, "replace", refuse)
    assert inbox.take(NOW, BOOK) == []
    monkeypatch.setattr(Path, "replace", replace)
    monkeypatch.setattr(os, "open", refuse)
    assert inbox.take(NOW, BOOK) == []
    monkeypatch.setattr(os, "open", opened)
    assert isinstance(taken(inbox), Request)


def test_gives_up_on_a_file_that_stays_held(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    put(inbox.folder, f"verb=sync\nworkbook={BOOK}")

    def refuse(*_arguments: object, **_options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    found = [item for _ in range(100) for item in inbox.take(NOW, BOOK)]
    assert [item.why for item in found if isinstance(item, Refusal)] == [
        "The request cannot be read (Permission denied)."
    ]


def test_a_button_that_withdraws_wins_or_loses_whole(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """The button waited long enough, takes its request back, and does it by itself."""
    name = put(inbox.folder, "verb=sync")
    replace = Path.replace

    def late(path: Path, target: Path) -> Path:
        (inbox.folder / f"{name}.request").unlink()
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", late)
    assert inbox.take(NOW, BOOK) == []


def test_throws_away_what_nobody_waits_for(inbox: Inbox) -> None:
    inbox.folder.mkdir()
    ages = {
        "a.taken": KEEP, "a.doing": KEEP, "a.answer": KEEP, "b.tmp": FRESH, "b.answer.tmp": FRESH,
        "c.request": FRESH, "notes.txt": KEEP,
    }  # fmt: skip
    for name, age in ages.items():
        for prefix, moment in (("old-", NOW - age - timedelta(1)), ("new-", NOW - age / 2)):
            path = inbox.folder / f"{prefix}{name}"
            path.touch()
            os.utime(path, (moment.timestamp(), moment.timestamp()))
    (inbox.folder / "d.taken").mkdir()
    inbox.tidy(NOW + timedelta(seconds=1))
    left = {path.name for path in inbox.folder.iterdir()}
    assert left == {f"new-{name}" for name in ages} | {"old-notes.txt", "d.taken"}


def test_where_the_inbox_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = Config(tmp_path, {})
    for platform in ("linux", "win32"):
        monkeypatch.setattr(sys, "platform", platform)
        assert config.inbox == tmp_path / "inbox"
    monkeypatch.setattr(sys, "platform", "darwin")
    assert config.inbox.parts[-5:] == ("Library", "Group Containers", "UBF8T346G9.Office", "AutoXero", "inbox")
