"""One thread that does one thing at a time, in order."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace


@dataclass
class Task:
    """One thing to do.

    Attributes:
        key: Says what is done: tasks of one key do the same.
        doing: What ``status`` says meanwhile; blank for what is not worth telling.
        act: What is done; gets the task. May raise ``KeyboardInterrupt`` where the agent is to stop.
        names: The requests that it answers.
        is_begun: It is under way, or was done ahead of its turn.
    """

    key: object
    doing: str
    act: Callable[[Task], None]
    names: list[str] = field(default_factory=list)
    is_begun: bool = False


class Worker:
    """The thread and its queue.

    Args:
        stopping: Ends it after the task under way.
        interrupted: Told of each task that was broken off, or never begun.
        failed: Told of whatever a task raises; the next one is done all the same.
        name: Of the thread.

    Attributes:
        doing: What it is doing, in words; blank while it waits.
    """

    def __init__(
        self,
        stopping: threading.Event,
        interrupted: Callable[[Task], None],
        failed: Callable[[Exception], object],
        name: str = "autoxero-worker",
    ) -> None:
        self.doing = ""
        self._stopping, self._interrupted, self._failed = stopping, interrupted, failed
        self._tasks: deque[Task] = deque()
        self._current: Task | None = None
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def add(self, key: object, doing: str, act: Callable[[Task], None], name: str = "") -> None:
        """Put a task at the end of the queue.

        Where a button asks for what was put there last, one does for both: never for one before another's, for the
        order in which buttons are pressed counts. What no button asked for is there once, under way or waiting.
        """
        with self._changed:
            alike = list(self._tasks)[-1:] if name else self._tasks
            task = next((task for task in alike if task.key == key and not task.is_begun), None)
            if task is None and not name and self._current is not None and self._current.key == key:
                return
            if task is None:
                task = Task(key, doing, act)
                self._tasks.append(task)
                self._changed.notify_all()
            if name:
                task.names.append(name)

    def tell(self, text: str) -> None:
        """Add to what it is doing."""
        head = self.doing.partition(": ")[0]
        self.doing = f"{head}: {text}" if head else text

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way or waits."""
        with self._changed:
            return not self._tasks and self._current is None

    @property
    def is_alive(self) -> bool:
        """Whether the thread has not ended."""
        return self._thread.is_alive()

    def ahead(self, is_meant: Callable[[object], bool]) -> list[object]:
        """Do some of what waits now, from within the task under way.

        What was done keeps its place in the queue, and is passed over at its turn: what was asked for before it can
        still tell what was asked for since.

        Args:
            is_meant: Whether it is to be done, by its key.

        Returns:
            The keys of what is meant and has its turn yet to come, in order, whether it was done now or before.
        """
        with self._changed:
            meant = [task for task in self._tasks if is_meant(task.key)]
            begun = [replace(task) for task in meant if not task.is_begun]
            for task in meant:
                task.is_begun, task.names = True, []
        for task in begun:
            self._do(task)
        return [task.key for task in meant]

    def settle(self) -> None:
        """Wait until everything is done, or it is to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping.is_set() or not (self._tasks or self._current))

    def end(self, seconds: float) -> None:
        """Wait at most so long for the task under way; what was not begun is broken off."""
        with self._changed:
            left = list(self._tasks)
            self._tasks.clear()
            self._changed.notify_all()
        for task in left:
            self._interrupted(task)
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _work(self) -> None:
        while (task := self._next()) is not None:
            try:
                if not task.is_begun:
                    self.doing = task.doing
                    self._do(task)
            finally:
                self.doing = ""
                with self._changed:
                    self._current = None
                    self._changed.notify_all()

    def _do(self, task: Task) -> None:
        try:
            task.act(task)
        except KeyboardInterrupt:
            self._interrupted(task)
        except Exception as error:  # noqa: BLE001 - whatever it is, the next task is done
            self._failed(error)

    def _next(self) -> Task | None:
        """The next task, once there is one; ``None`` when it is to stop."""
        with self._changed:
            self._changed.wait_for(lambda: self._stopping.is_set() or self._tasks)
            if self._stopping.is_set():
                return None
            self._current = self._tasks.popleft()
            return self._current
