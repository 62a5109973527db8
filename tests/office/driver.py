"""Drives LibreOffice without a window over UNO; runs under the system's own Python, which has ``uno``.

Reads one JSON command a line from standard input and answers with one JSON line: ``{"value": …}`` or ``{"error": …}``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from typing import Any

import uno  # type: ignore[import-not-found, unused-ignore]

LIBRARY = "VBAProject"
ALL_MACROS = 4
"""MacroExecutionMode: run them without asking."""


class Office:
    """One LibreOffice with a profile of its own."""

    def __init__(self, program: str, profile: str) -> None:
        pipe = f"autoxero{os.getpid()}"
        arguments = [f"-env:UserInstallation={profile}", "--headless", "--norestore", "--nologo", "--nodefault"]
        self.process = subprocess.Popen(
            [program, *arguments, f"--accept=pipe,name={pipe};urp;"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        local = uno.getComponentContext()
        resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
        context = self._connect(resolver, f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        self.desktop = context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
        self.document: Any = None

    def _connect(self, resolver: Any, address: str) -> Any:
        for _ in range(600):
            try:
                return resolver.resolve(address)
            except Exception:  # noqa: BLE001 - not up yet
                time.sleep(0.1)
        raise TimeoutError("LibreOffice did not start in a minute")

    def open(self, path: str) -> None:
        """Open a workbook with its macros allowed."""
        mode = uno.createUnoStruct("com.sun.star.beans.PropertyValue")
        mode.Name, mode.Value = "MacroExecutionMode", ALL_MACROS
        self.document = self.desktop.loadComponentFromURL(uno.systemPathToFileUrl(path), "_blank", 0, (mode,))
        if self.document is None:
            raise OSError(f"LibreOffice does not open {path}")

    def module(self, name: str, source: str) -> None:
        """Put a module of VBA into the open workbook, in place of one of that name."""
        library = self.document.BasicLibraries.getByName(LIBRARY)
        put = library.replaceByName if library.hasByName(name) else library.insertByName
        put(name, "Option VBASupport 1\n" + source)

    def run(self, macro: str, *arguments: Any) -> Any:
        """Run a macro; the argument ``control`` stands for a ribbon's control."""
        address = f"vnd.sun.star.script:{LIBRARY}.{macro}?language=Basic&location=document"
        given = tuple(self.document if argument == "control" else argument for argument in arguments)
        return self.document.getScriptProvider().getScript(address).invoke(given, (), ())[0]

    def close(self) -> None:
        """Close the workbook without saving."""
        self.document.close(True)  # noqa: FBT003 - UNO knows no keywords
        self.document = None

    def end(self) -> None:
        """End the program."""
        self.process.terminate()
        self.process.wait(30)


def main(program: str, profile: str) -> None:
    """Answer commands until standard input ends."""
    office = Office(program, profile)
    try:
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            try:
                answer = {"value": getattr(office, name)(*arguments)}
            except Exception as error:  # noqa: BLE001 - the test wants to see it
                answer = {"error": f"{type(error).__name__}: {error}"[:2000]}
            print(json.dumps(answer), flush=True)  # noqa: T201 - the protocol
    finally:
        office.end()


if __name__ == "__main__":
    main(*sys.argv[1:3])
