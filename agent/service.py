"""The agent: it keeps going until it is stopped.

It syncs by the clock, answers the buttons of the workbook, and notices when it was saved with something to do.
One thread (the caller's) looks at the clock and into the inbox, and never waits for anything else. One worker does one
thing at a time, in order: so a button is heard within a second or two while a sync is under way. A second one does what
waits for a person: the sign-in to Xero in a browser.
"""

from __future__ import annotations

import errno
import importlib.metadata
import json
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from agent.alive import LOCK, REFRESHED, State, forget_state, one_agent, write_state
from agent.asked import AGAIN, answer, done_before, note, show, words
from agent.bugs import write_report
from agent.config import Config
from agent.connect import keep_signed_in
from agent.desk import Desk, Progress
from agent.diary import open_diary
from agent.domain.invoice import AutotaskId
from agent.domain.text import counted
from agent.errors import BUSY, DONE, INTERRUPTED, MEND_FIRST, PlainError, StopError
from agent.inbox import Inbox, Refusal, Request
from agent.sync import sync
from agent.tell import report_text
from agent.timetable import Clock, Timetable, utc_now
from agent.wire import TIMEOUT, Wire
from agent.worker import Task, Worker
from workbook.read import Reading

UPDATED = 4
"""The exit code that asks to be started again: the program on the disk is another one now."""
TICK = 0.5
"""Seconds from one look to the next."""
_GRACE = 3.0
"""Seconds that a request under way may still take once the agent is to stop: Windows gives programs about five when
somebody logs off. An answer that comes later is lost, and looked up by the next start."""
_BUSY_TRIES = 150
"""A button waits while another process syncs: so often it is tried, every two seconds."""
_LOOK_EVERY = 10
"""Seconds between looks at the workbook."""
_SYNC_EVERY = 15
"""Minutes, until the workbook has said otherwise."""
_STOPPED = (
    "The agent was stopped before this was done to its end; some of it may be done. Press the button again: what is "
    "done is not done twice."
)
_LONGEST_HOLD = timedelta(days=1)
"""Longer than Xero's day no limit lasts: then the clock was set back."""
_BUGS_KEEP = timedelta(days=30)

MakeDesk = Callable[[Callable[[], Wire], Progress], Desk]
Sleep = Callable[[float], object]
_Saw = tuple[object, object, frozenset[object]]


class Service:
    """The agent of one home.

    Args:
        config: The environment.
        workbook: The file that it keeps.
        make_desk: What each piece of work is done with; gets how to make a wire, and where to tell progress.
        now: The clock.
        sleep: How to wait until the next look; may return early when :attr:`stopping` is set.
    """

    def __init__(
        self,
        config: Config,
        workbook: Path,
        make_desk: MakeDesk,
        *,
        now: Clock = utc_now,
        sleep: Sleep | None = None,
    ) -> None:
        self.config, self.workbook, self.now = config, workbook, now
        self.stopping = threading.Event()
        self.exit_code = DONE
        self.inbox = Inbox(config.inbox)
        self.diary = open_diary(config.home)
        self.troubles: dict[str, str] = {}
        url = make_url(config.database_url)
        self._ledger = Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None
        self._make_desk = make_desk
        self._sleep = sleep or self.stopping.wait
        self.worker = Worker(self.stopping, self._interrupted, self._note)
        self.browser = Worker(self.stopping, self._interrupted, self._note, "autoxero-browser")
        self._sign_ins = 0
        self._since = now()
        self._held_until: datetime | None = None
        self._well_before = ""
        self._workbook_id = ""
        self._stamp: tuple[int, int] | None = None
        self._saw: _Saw | None = None
        self._state: State | None = None
        self._version = installed_version()
        self._is_outdated = False
        self._bug, self._report = "", Path()
        self._signalled: int | None = None
        self._times = Timetable(now)
        self._sync_job = self._times.every(_SYNC_EVERY)
        self._sync_job.minutes.do(self._sync_is_due)
        self._times.every(_LOOK_EVERY).seconds.do(self.worker.add, "look", "", self._look_at_workbook)
        self._times.every(10).minutes.do(lambda: self.inbox.tidy(self.now()))
        self._times.every(1).minutes.do(self._each_minute)
        self._hourly_job = self._times.every(1).hours
        self._hourly_job.do(self._each_hour)

    # --- the caller's thread ------------------------------------------------------------------------------------------

    def run(self) -> int:
        """Keep going until stopped.

        Returns:
            The exit code: 0 stopped; 130 interrupted by Ctrl+C; 2 the home is gone; 4 to be started again, updated.

        Raises:
            PlainError: Another agent runs in this home (75), or the ledger cannot be opened.
        """
        with one_agent(self.config.home):
            try:
                self._begin()
                while not self.stopping.is_set():
                    self._tick()
                    self._sleep(TICK)
                    if self._signalled is not None:
                        self.stop(self._signalled)
            finally:
                self._end()
        return self.exit_code

    @property
    def is_stuck(self) -> bool:
        """Whether a worker still waits for an answer: the process may be ended all the same, nothing is lost."""
        return self.worker.is_alive or self.browser.is_alive

    def stop(self, exit_code: int = DONE) -> None:
        """Stop: a run under way ends before its next request."""
        if not self.stopping.is_set():
            self.exit_code = exit_code
            self.stopping.set()

    def stop_soon(self, exit_code: int) -> None:
        """Stop with the next look; safe in a signal's handler, where waiting for a lock could last for ever."""
        self._signalled = exit_code

    def _begin(self) -> None:
        with self._desk() as desk:  # a ledger that cannot be opened ends it here, in words
            self._workbook_id = desk.ledger.fact("workbook_id")
        self._broken_off(self.inbox.unanswered())
        self.diary.info("AutoXero %s began to keep %s in step.", self._version, self.workbook)
        for job in (self._sync_job, self._hourly_job):  # a computer that is switched off at night gets to them, too
            self._times.at_once(job)
        self.worker.start()
        self.browser.start()

    def _tick(self) -> None:
        """One look at everything. It waits for nothing."""
        if not self._is_home():
            self.diary.error("The folder %s, or the ledger in it, is gone. The agent has stopped.", self.config.home)
            self.stop(MEND_FIRST)
            return
        if self._is_outdated and self.worker.is_idle and self.browser.is_idle:
            self.diary.info("AutoXero was updated to %s; the agent starts anew.", installed_version())
            self.stop(UPDATED)
            return
        if not self._is_outdated:
            self._look_into_inbox()
            self._times.run_pending()
        self._show()

    def _is_home(self) -> bool:
        """Whether home and ledger are still there: nothing is sent from an empty ledger that took their place."""
        return (self.config.home / LOCK).exists() and (self._ledger is None or self._ledger.exists())

    def _look_into_inbox(self) -> None:
        try:
            found = self.inbox.take(self.now(), self._workbook_id)
        except OSError as error:
            self._trouble("inbox", f"The requests in {self.inbox.folder} cannot be read ({_reason(error)}).")
            return
        self._trouble("inbox", "")
        for item in found:
            if isinstance(item, Refusal):
                self._refuse(item)
            elif item.verb == "connect-xero":
                self._sign_in_soon(item)
            else:
                self.worker.add(item.asks, f"answering “{words(item.verb)}”", partial(self._answer, item), item.name)

    def _refuse(self, refusal: Refusal) -> None:
        """Answer at once; the ledger learns of it when the worker comes to it."""
        name = refusal.name if refusal.name.isprintable() else ascii(refusal.name)
        with suppress(OSError):
            self.inbox.answer(refusal.name, refusal.why, anew=False)

        def note(_task: Task) -> None:
            with self._desk() as desk:
                desk.ledger.log("Request refused", f"{refusal.why} ({name[:60]})", level="Warning", who="Ribbon")
            self.worker.add("refused", "", partial(self._show_refusal, refusal.why))  # once for all that wait

        self.worker.add(("refused", refusal.name), "", note)

    def _show_refusal(self, why: str, _task: Task) -> None:
        with self._desk() as desk:
            show(desk, why)

    def _sign_in_soon(self, request: Request) -> None:
        """Beside all else, for it waits for a person. One at a time: pressed again, the earlier page is given up."""
        self._sign_ins += 1
        number = self._sign_ins
        act = partial(
            self._sign_in, request, lambda: self._is_outdated or self._is_ending() or number != self._sign_ins
        )
        self.browser.add(number, f"answering “{words(request.verb)}”", act, request.name)

    def _sync_is_due(self) -> None:
        if self._held_until is None:
            self.worker.add("sync", "syncing", self._sync)

    def _each_minute(self) -> None:
        """Go on where Xero said when, and notice an update of the program itself."""
        now, until = self.now(), self._held_until
        if until is not None and not now < until <= now + _LONGEST_HOLD:
            self._held_until = None
            self._times.at_once(self._sync_job)
        if self.troubles.get("sync"):
            self.worker.add("well", "", self._look_whether_well)
        version = installed_version()
        self._is_outdated = bool(version) and version != self._version

    def _each_hour(self) -> None:
        """Keep the sign-in to Xero alive where it was not used for a day, and throw away the reports of old bugs."""
        self.worker.add("sign-in", "", self._keep_signed_in)
        for path in self.config.home.glob("bug-*.txt"):
            with suppress(OSError):
                if self.now().timestamp() - path.stat().st_mtime > _BUGS_KEEP.total_seconds():
                    path.unlink()

    def _show(self) -> None:
        """Write down what the agent is doing, where it changed, or once a minute."""
        now = self.now()
        told = " ".join(text for text in list(self.troubles.values()) if text)
        coming = self._held_until or self._sync_job.next_run
        state = State(self._since, self.worker.doing or self.browser.doing, coming, told, now)
        known = self._state
        is_same = known is not None and (known.doing, known.next_run, known.trouble) == (state.doing, coming, told)
        if is_same and known is not None and timedelta(0) <= now - known.at < REFRESHED:
            return
        with suppress(OSError):  # a full disk; `status` still sees the lock
            write_state(self.config.home, state)
            self._state = state

    def _end(self) -> None:
        self.stop()
        self.diary.info("The agent is stopping.")
        for worker in (self.worker, self.browser):
            worker.end(_GRACE)
        forget_state(self.config.home)
        self.diary.info("The agent has stopped.")
        for handler in list(self.diary.handlers):
            handler.close()

    # --- the worker's thread -----------------------------------------------------------------------------------------

    @contextmanager
    def _desk(self, is_over: Callable[[], bool] | None = None) -> Iterator[Desk]:
        """A desk for one piece of work, cleared afterwards; with ``is_over`` for what waits for a browser."""
        tell = self.worker.tell if is_over is None else self._waits_for_browser
        desk = self._make_desk(lambda: Wire(TIMEOUT, self._nap, is_stopped=is_over or self._is_ending), tell)
        try:
            yield desk
        finally:
            if "ledger" in vars(desk):
                desk.ledger.engine.dispose()

    def _is_ending(self) -> bool:
        return self.stopping.is_set() or self._signalled is not None

    def _waits_for_browser(self, _text: str) -> None:
        """In place of an address that only the person's own browser needs to know."""
        self.browser.tell("waiting for your browser")

    def _nap(self, seconds: float) -> None:
        self.stopping.wait(seconds)

    def _sync(self, _task: Task) -> None:
        """One run by the clock; whatever ends it, the next one comes."""
        with self._desk() as desk:
            try:
                self._leave_out()
                report = sync(desk)
            except StopError as error:
                self._well_before = _last_well(desk)
                self._trouble("sync", str(error))
                self._held_until = self.now() + timedelta(seconds=error.after) if error.after else None
            except PlainError as error:
                self._well_before = _last_well(desk)
                self._trouble("sync", "" if error.exit_code == BUSY else str(error))
            else:
                self._trouble("sync", "")
                self._trouble("bug", "")
                self.diary.info("%s", report_text(report).replace("\n", " "))
            with suppress(PlainError):
                self._take_note(desk, desk.reading, is_done=True)

    def _look_whether_well(self, _task: Task) -> None:
        with self._desk() as desk:
            self._note_well(desk)

    def _note_well(self, desk: Desk) -> None:
        """What ended a sync is over where another one, by a button or a command, has ended well since."""
        if self.troubles.get("sync") and _last_well(desk) != self._well_before:
            self._held_until = None
            self._trouble("sync", "")
            self._trouble("sign-in", "")

    def _answer(self, request: Request, task: Task, is_over: Callable[[], bool] | None = None) -> None:
        """Carry out what a button asks for, and say in a sentence what became of it."""
        with self._desk(is_over) as desk:
            again = done_before(desk, task.names, self.now())
            for name in again:
                self._refuse(Refusal(name, AGAIN))
            task.names = [name for name in task.names if name not in again]
            if not task.names:
                return
            try:
                told = self._patiently(desk, lambda: self._in_order(desk, request))
            except StopError as error:
                told = f"{error.fault.title}: {error.fault.detail} {error.fault.cure}".strip()
            except PlainError as error:
                told = str(error)
            except Exception as error:  # noqa: BLE001 - the button gets an answer all the same
                told = self._note(error)
            for name in task.names:
                self._give(name, told)
            self.diary.info("%s: %s", words(request.verb), told)
            note(desk, request, told)
            if is_over is None:  # what a sign-in typed is news to the worker
                self._note_well(desk)
                with suppress(PlainError):
                    self._take_note(desk, desk.reading, is_done=True)

    def _in_order(self, desk: Desk, request: Request) -> str:
        """Carry out a request, less what a later press of Never send leaves out: the last press wins."""
        left = self._leave_out() if request.verb not in {"never-send", "connect-xero"} else set()
        kept = tuple(item for item in request.ids if item not in left)
        if request.ids and not kept:
            return "Nothing was done: Never send was pressed for this since."
        return answer(desk, replace(request, ids=kept))

    def _leave_out(self) -> set[AutotaskId]:
        """Carry out waiting presses of Never send, and answer them: nothing sends it before their turn.

        Returns:
            The invoices that they name.
        """
        keys = self.worker.ahead(lambda key: isinstance(key, tuple) and key[0] == "never-send")
        return {item for key in keys if isinstance(key, tuple) for item in key[1]}

    def _sign_in(self, request: Request, is_over: Callable[[], bool], task: Task) -> None:
        try:
            self._answer(request, task, is_over)
        except KeyboardInterrupt:
            if self._is_ending() or self._is_outdated:
                raise
            self._give(request.name, "“Connect Xero” was pressed again; that began anew.")

    def _keep_signed_in(self, _task: Task) -> None:
        with self._desk() as desk:
            try:
                keep_signed_in(desk)
            except (StopError, PlainError) as error:
                self._trouble("sign-in", str(error))
            else:
                self._trouble("sign-in", "")

    def _patiently(self, desk: Desk, act: Callable[[], str]) -> str:
        """Wait while another process syncs."""
        for _ in range(_BUSY_TRIES):
            try:
                return act()
            except PlainError as error:
                if error.exit_code != BUSY:
                    raise
                self.worker.tell("waiting for another sync to end")
                if self.stopping.wait(2):
                    raise KeyboardInterrupt from None
                vars(desk).pop("reading", None)  # the settings as they are now count, not those before the wait
        return act()

    def _look_at_workbook(self, _task: Task) -> None:
        """Where the workbook was saved: sync at once if a setting, a mapping or the column Do says something new."""
        try:
            status = os.stat(self.workbook)  # noqa: PTH116 - with its size and moment in one call
        except OSError as error:
            self._trouble("workbook", f"The workbook {self.workbook} cannot be found ({_reason(error)}).")
            return
        stamp = status.st_mtime_ns, status.st_size
        if stamp == self._stamp:
            self._trouble("workbook", "")
            return
        with self._desk() as desk:
            try:
                reading = desk.reading
            except PlainError as error:  # in the middle of being saved, or held by somebody: with the next look
                self._trouble("workbook", str(error))
                return
            before = self._saw
            self._take_note(desk, reading)
        self._trouble("workbook", "")
        self._stamp = stamp
        if before is None or (self._saw is not None and _says_more(before, self._saw)):
            self.worker.add("sync", "syncing", self._sync)

    def _take_note(self, desk: Desk, reading: Reading, *, is_done: bool = False) -> None:
        """Remember what the workbook said when it was last acted on.

        Once a run is done, a choice in the column Do is remembered only where its cell could not be cleared: the same
        one, chosen again, is a new one.
        """
        self._workbook_id = desk.ledger.fact("workbook_id") or reading.workbook_id
        self._times.change(self._sync_job, reading.settings.sync_every)
        left = json.loads(desk.ledger.fact("wishes") or "{}")
        wishes = [wish for wish in reading.wishes if not is_done or str(wish.autotask_id) in left]
        self._saw = reading.settings, (reading.mappings, reading.problems), frozenset(wishes)

    # --- what goes wrong ----------------------------------------------------------------------------------------------

    def _trouble(self, where: str, text: str) -> None:
        """Tell a trouble once, when it comes, and once when it is over."""
        if text != self.troubles.get(where, ""):
            self.troubles[where] = text
            self.diary.warning("%s", text or f"It is well again ({where}).")

    def _note(self, error: Exception) -> str:
        """Something that was not foreseen, in words; with a report where it is a bug, one for each bug."""
        if _is_full(error):
            told = f"The disk that holds {self.config.home} is full. Free some space; the agent goes on by itself."
        elif isinstance(error, OperationalError):
            told = f"The ledger in {self.config.home} cannot be used just now ({error.orig}). It is tried again."
        else:
            place = traceback.extract_tb(error.__traceback__)[-1:]
            bug = f"{type(error).__name__} {place}"
            if bug != self._bug:
                self._bug, self._report = bug, write_report(error)
            told = (
                f"Something went wrong inside AutoXero ({type(error).__name__}); nothing is lost, the agent goes on. "
                f"Please send the report {self._report} to support; it holds no secrets."
            )
        self._trouble("bug", told)
        return told

    def _interrupted(self, task: Task) -> None:
        self._broken_off(task.names)

    def _broken_off(self, names: Sequence[str]) -> None:
        """Answer what was taken and not done to its end, and write it down.

        None of it is done by itself later: another button may have been pressed since, and the last one is to win.
        """
        for name in names:
            self._give(name, _STOPPED)
        with suppress(PlainError, SQLAlchemyError), self._desk() as desk:
            for item in map(self.inbox.reread, names):
                what, ids = (words(item.verb), item.ids) if isinstance(item, Request) else ("a request", ())
                about = f" It was asked for {counted(len(ids), 'invoice')}." if len(ids) > 1 else ""
                desk.ledger.log(
                    f"Button: {what}", _STOPPED + about, level="Warning", who="Ribbon",
                    about=ids[0] if len(ids) == 1 else None,
                )  # fmt: skip

    def _give(self, name: str, sentence: str) -> None:
        with suppress(OSError):  # a full disk; the ledger's log has the answer, too
            self.inbox.answer(name, sentence)


def stop_on_signals(service: Service) -> None:
    """Stop cleanly when the operating system or Ctrl+C says so; said twice, at once."""

    def stop(number: int, _frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        service.stop_soon(INTERRUPTED if number == signal.SIGINT else DONE)

    for name in ("SIGTERM", "SIGINT", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), stop)


def installed_version() -> str:
    """The version of the program on the disk, or blank while it is being replaced."""
    try:
        return importlib.metadata.version("autoxero")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _last_well(desk: Desk) -> str:
    """The newest run that ended well."""
    last = desk.ledger.last_run(finished_well=True)
    return str(last["id"]) if last else ""


def _says_more(before: _Saw, now: _Saw) -> bool:
    """Whether a setting or mapping changed, or the column Do holds what it did not."""
    return before[:2] != now[:2] or bool(now[2] - before[2])


def _is_full(error: Exception) -> bool:
    is_enospc = isinstance(error, OSError) and error.errno == errno.ENOSPC
    return is_enospc or (isinstance(error, OperationalError) and "disk is full" in str(error.orig))


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__
