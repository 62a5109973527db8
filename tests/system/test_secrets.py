"""Secrets are planted wherever one can be given; afterwards everything that AutoXero wrote or said is searched."""

from __future__ import annotations

import contextlib
import html
import re
import subprocess
import sys
import threading
import time
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, quote

import msgspec
import pytest
import requests
from click.testing import CliRunner

from agent.cli import main
from agent.errors import StopError
from agent.pretend.troubles import Call, Trouble
from agent.wire import Wire
from tests.support import Practice, support
from tests.system.test_alerts import Post, mail_server
from tests.system.test_connect import OPEN, Password
from tests.system.test_service import is_answered, put, until
from tests.system.test_sign_in import TOP, Office, at_home, same_keys

SECRET, CODE, CLIENT, SMTP = "Pl4nted<AT>%&s3cret", "Pl4ntedAT+c0de", "Pl4nted/Xero~client", "Pl4nted-sm7p"


class Watch:
    """Everything that was said, and the command lines of every process that was seen meanwhile."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.commands: set[str] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(5)

    def _look(self) -> None:
        while not self._over.wait(0.02):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                with contextlib.suppress(OSError):
                    self.commands.add(process.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))

    def hear(self, done: subprocess.CompletedProcess[str]) -> subprocess.CompletedProcess[str]:
        self.said += [done.stdout, done.stderr]
        assert "Traceback" not in done.stderr
        return done


@pytest.fixture
def post() -> Iterator[tuple[Post, int]]:
    post = Post()
    with mail_server(post, authenticator=Password(SMTP), **OPEN) as port:
        yield post, port


@pytest.fixture
def office(practice: Practice, tmp_path: Path) -> Office:
    user, app = practice.cloud.autotask.user, practice.cloud.xero.app
    user.secret, user.integration_code, app.secret = SECRET, CODE, CLIENT
    practice.set(Xero_client_ID=app.client_id)
    return at_home(practice, tmp_path)


def tokens(office: Office) -> set[str]:
    """Every access, identity and refresh token, code and verifier that has ever gone over the line."""
    sign_in = office.practice.cloud.xero.sign_in
    found = {*sign_in.access, *sign_in.refresh, *sign_in.codes}
    for call in office.practice.cloud.calls:
        if call.path == "/connect/token":
            form = parse_qs(call.body.decode())
            found |= {form[name][0] for name in ("code", "code_verifier", "refresh_token") if name in form}
    return found


def forms(secret: str) -> Iterator[bytes]:
    """How a secret may be written: as it is, for an address, for a page, for JSON, for a header."""
    yield secret.encode()
    yield quote(secret, safe="").encode()
    yield secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").encode()
    yield msgspec.json.encode(secret)[1:-1]
    yield b64encode(secret.encode()).rstrip(b"=")
    yield secret.encode("utf-16-le")


def written(office: Office) -> Iterator[tuple[str, bytes]]:
    """Everything on the disk but the key store: files as they are, and the parts of packed ones."""
    folder = office.practice.workbook.parent
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path.name.startswith("keys"):
            continue
        yield str(path), path.read_bytes()
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as packed:
                yield from ((f"{path}:{name}", packed.read(name)) for name in packed.namelist())


def search(office: Office, watch: Watch, post: Post) -> None:
    """Look for every secret in everything."""
    secrets = {SECRET, CODE, CLIENT, SMTP} | tokens(office)
    assert len(secrets) > 10
    app = office.practice.cloud.xero.app
    wanted = {form for secret in secrets for form in forms(secret)}
    wanted.add(b64encode(f"{app.client_id}:{app.secret}".encode()).rstrip(b"="))
    places = [*written(office), *((f"said {number}", text.encode()) for number, text in enumerate(watch.said))]
    places += [("process list", command.encode()) for command in watch.commands]
    places += [("mail", bytes(mail)) for mail in post.accepted]
    parts = [part for mail in post.accepted for part in mail.walk() if not part.is_multipart()]
    places += [("mail text", part.get_content().encode()) for part in parts]
    assert any("ledger.db" in name for name, _ in places)
    assert any("sheet" in name for name, _ in places)
    assert post.accepted
    found = {(name, form[:12]) for name, content in places for form in wanted if form in content}
    assert not found


def quoted(call: Call) -> bytes:
    """All that was secret in a request, in an error's words."""
    sent = [call.headers.get(name, "") for name in ("secret", "apiintegrationcode", "authorization")]
    return " ".join(sent).encode("latin-1") + b" " + call.body


@pytest.mark.skipif(sys.platform != "linux", reason="the list of processes is read from /proc")
def test_no_secret_is_ever_shown_or_written(
    office: Office, post: tuple[Post, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.desk.Wire", partial(Wire, sleep=lambda _seconds: None))
    practice, (box, port) = office.practice, post
    cloud, world = practice.cloud, practice.world
    with Watch() as watch, same_keys(office):
        # signed in to everything, wrongly and rightly, in all ways
        user = ("connect", "autotask", "--user", cloud.autotask.user.username, "--from-stdin")
        for typed in (f"wrong{SECRET}\n{CODE}\n", f"{SECRET}\nwrong{CODE}\n"):
            assert here(office, watch, *user, typed=typed) == 2
        mail = ("connect", "mail", "--server", "127.0.0.1", "--port", str(port), "--security", "None", "--user",
                "bot@x.example", "--to", "a@x.example", "--from-stdin")  # fmt: skip
        assert here(office, watch, *mail, typed=f"wrong{SMTP}\n") == 2
        assert here(office, watch, *mail, typed=f"{SMTP}\n") == 0
        custom = ("connect", "xero", "--custom", "--from-stdin")
        assert here(office, watch, *custom, typed=f"wrong{CLIENT}\n") == 2
        assert here(office, watch, *custom, typed=f"{CLIENT}\n") == 0
        _set_up(office, watch)
        # synced, with faults and a mail
        world.invoice("Kauri Legal", [support()])
        world.invoice("Kauri Legal", [support(code="Drone Survey")])
        practice.set(**{"Tries before a fault": 1})
        watch.hear(office.run("sync", "--json"))
        # refused by systems that quote everything back
        for system, status, path in (
            ("autotask", "500", "query"), ("autotask", "401", "query"), ("autotask", "403", "query"),
            ("xero", "400", "Invoices"), ("xero", "403", "Organisation"), ("xero", "500", ""),
            ("login", "400", "token"),
        ):  # fmt: skip
            world.invoice("Kauri Legal", [support()])
            _quote_back(office, system, status, path)
            here(office, watch, "resync", "--all")
            if status == "403":
                _let_the_agent_run(office, watch)
            cloud.troubles.clear()
        here(office, watch, "test")
        # a bug whose words are secrets
        watch.said += _crash(office)
        assert watch.hear(office.run("bundle", "--yes", "--out", str(practice.home.parent / "b.zip"))).returncode == 0
        for command in (("status", "--json"), ("bundle", "--show"), ("sync",), ("connect", "xero", "--disconnect")):
            here(office, watch, *command)
    assert any("autoxero" in command or "-m agent" in command for command in watch.commands)
    assert (practice.home / "ledger.db").exists()
    assert (practice.home / "agent.log").exists()
    assert list(practice.home.glob("bug-*.txt"))
    search(office, watch, box)


def here(office: Office, watch: Watch, *arguments: str, typed: str = "") -> int:
    """The command in this process, which is quicker; what it says is heard, too."""
    command = [*arguments, "--workbook", str(office.practice.workbook)]
    done = CliRunner().invoke(main, command, input=typed, env=office.environment)
    watch.said += [done.stdout, done.stderr]
    assert done.exit_code in {0, 1, 2, 69}, done.output
    return done.exit_code


def _set_up(office: Office, watch: Watch) -> None:
    """Through the guide, with secrets from standard input, and in the browser for Xero."""
    path = office.practice.home.parent / "answers.toml"
    path.write_text(
        f"autotask_user = '{office.practice.cloud.autotask.user.username}'\nxero_sign_in = 'browser'\n"
        "first_drafts = 0\ngo_live = true\nstart_at_log_on = false\n", encoding="utf-8",
    )  # fmt: skip
    command = ("-m", "agent", "setup", "--answers", str(path), "--from-stdin", "--workbook")
    with subprocess.Popen(
        [sys.executable, *command, str(office.practice.workbook)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, encoding="utf-8", cwd=TOP, env=office.environment,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(f"{SECRET}\n{CODE}\n")
        process.stdin.close()
        process.stdin = None
        told = []
        for line in process.stderr:
            told.append(line)
            if line.strip().startswith("http"):
                watch.said.append(requests.get(line.strip(), timeout=30).text)
        assert process.wait(60) == 0, told
        assert process.stdout is not None
        watch.said += [*told, process.stdout.read()]
    assert "xero-refresh-token" in office.keys


def _let_the_agent_run(office: Office, watch: Watch) -> None:
    """While Xero refuses and quotes; somebody presses Test and Connect Xero; then it is stopped."""
    practice = office.practice
    command = ("-m", "agent", "run", "--workbook", str(practice.workbook))
    with subprocess.Popen(
        [sys.executable, *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8",
        cwd=TOP, env=office.environment,
    ) as process:  # fmt: skip
        try:
            ours = practice.desk().ledger.fact("workbook_id")
            names = [put(practice, f"verb={verb}\nworkbook={ours}") for verb in ("test", "connect-xero")]
            until(lambda: is_answered(practice, names[0]), 30)
            until(lambda: "waiting for your browser" in (practice.home / "agent.alive").read_text("utf-8"), 30)
            watch.said.append((practice.home / "agent.alive").read_text("utf-8"))
            process.terminate()
            out, told = process.communicate(timeout=30)
        finally:
            process.kill()
    watch.said += [out, told]
    assert process.returncode == 0
    assert is_answered(practice, names[1])


def _quote_back(office: Office, system: str, status: str, path: str) -> None:
    """From now on a system refuses, and its refusal quotes what was secret in the request."""
    trouble = Trouble(status, system=system, path_contains=path, times=None)

    def quote_it(call: Call) -> None:
        if call.system == system:
            words = quoted(call).decode("utf-8", "replace")
            shape = {"autotask": {"errors": [f"adequate? {words}"]}, "login": {"error": words}}
            trouble.body = msgspec.json.encode(shape.get(system, {"Detail": words, "Message": words, "Title": words}))

    office.practice.cloud.troubles.add(trouble)
    office.practice.cloud.troubles.on_request = quote_it


_CRASH = """
import sys
import agent.sync
def broken(desk, **_):
    raise RuntimeError(f"{desk.config.autotask_sign_in(desk.settings)} {desk.xero.login.token()} "
                       f"{desk.config.keys.read('xero-refresh-token')} {desk.config.keys.read('smtp-password')}")
agent.sync.sync = broken
from agent.cli import main
from agent.errors import StopError
main(["sync", "--workbook", sys.argv[1]])
"""


def _crash(office: Office) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _CRASH, str(office.practice.workbook)],
        capture_output=True, text=True, check=False, env=dict(office.environment), cwd=TOP, timeout=60,
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert re.search(r"RuntimeError", done.stderr)
    return [done.stdout, done.stderr]


def test_the_search_finds_what_is_there(office: Office, post: tuple[Post, int]) -> None:
    """The test of the test: a secret in the ledger is found, and one in a mail's coded body."""
    with Watch() as watch:
        office.practice.desk().ledger.log("Oops", SECRET)
        watch.said.append(f"for an address {quote(SECRET, safe='')}")
        time.sleep(0.05)
    with pytest.raises(AssertionError):
        search(office, watch, post[0])


@pytest.mark.parametrize("write", [str, html.escape, partial(quote, safe=""), lambda text: "x" * 290 + text])
def test_a_page_that_quotes_the_secret_is_told_without_any_part_of_it(
    practice: Practice, write: Callable[[str], str]
) -> None:
    """An error page is no JSON, and only its beginning is told: no half of a secret stands at its end."""
    practice.cloud.autotask.user.secret = SECRET
    body = write(SECRET).encode()
    practice.cloud.troubles.add(Trouble("500", system="autotask", path_contains="/query", times=None, body=body))
    with pytest.raises(StopError) as caught:
        practice.sync()
    assert "HTTP 500" in caught.value.fault.detail
    assert "•••" in caught.value.fault.detail
    assert "Pl4nted" not in str(caught.value) + str(practice.table("Log"))
