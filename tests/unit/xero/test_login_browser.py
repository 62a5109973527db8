"""The browser that comes back from Xero: only ours, only once, only on this computer, and never for ever."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from agent.errors import PlainError
from agent.pretend.xero_sign_in import challenge_of
from agent.xero import browser
from agent.xero.browser import Callback, Page, Question
from agent.xero.login import PUBLIC_LOGIN_URL

GOOD = Page("You are signed in", "Go on.")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def question() -> Question:
    return Question("CLIENT", free_port(), "http://127.0.0.1:1")


def back(question: Question, query: str, path: str = "/callback", host: str = "127.0.0.1") -> requests.Response:
    """What a browser does that is sent back."""
    return requests.get(f"http://{host}:{question.port}{path}?{query}", timeout=10)


@contextmanager
def coming(act: Callable[[], requests.Response]) -> Iterator[Future[requests.Response]]:
    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(act)


# --- the question ---


def test_the_address_asks_with_a_hash_of_what_only_we_know(question: Question) -> None:
    parts = urlsplit(question.address)
    asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
    assert parts.path == "/identity/connect/authorize"
    assert asked["redirect_uri"] == f"http://localhost:{question.port}/callback"
    assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
    assert asked["code_challenge"] == challenge_of(question.verifier)
    assert asked["state"] == question.state
    assert re.fullmatch(r"[A-Za-z0-9._~-]{43,128}", question.verifier)
    assert question.verifier not in question.address + repr(question)


def test_every_question_is_another() -> None:
    made = [Question("CLIENT", 18742) for _ in range(50)]
    assert len({item.state for item in made} | {item.verifier for item in made}) == 100


def test_people_go_to_another_host_than_tokens_come_from() -> None:
    assert Question("C", 18742, PUBLIC_LOGIN_URL).address.startswith(
        "https://login.xero.com/identity/connect/authorize?"
    )


def test_an_unsafe_sign_in_host_is_refused() -> None:
    with pytest.raises(PlainError, match="secure"):
        _ = Question("C", 18742, "http://identity.example.com").address


# --- coming back ---


def test_the_code_is_taken_and_the_page_shown(question: Question) -> None:
    with Callback(question) as callback, coming(lambda: back(question, f"code=C0DE&state={question.state}")) as shown:
        assert callback.wait(10) == "C0DE"
        callback.show(GOOD)
        page = shown.result(10)
    assert (page.status_code, page.headers["Cache-Control"], page.headers["Referrer-Policy"]) == (
        200, "no-store", "no-referrer",
    )  # fmt: skip
    assert "You are signed in" in page.text
    assert "C0DE" not in page.text


def test_it_listens_on_this_computer_only(question: Question) -> None:
    with Callback(question) as callback:
        hosts = {server.socket.getsockname()[0] for server in callback._servers}
    assert "127.0.0.1" in hosts
    assert hosts <= {"127.0.0.1", "::1"}


def test_a_browser_that_takes_localhost_for_ipv6_gets_through(question: Question) -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        assert {server.address_family for server in _servers(question)} == {socket.AF_INET}
        return
    answer = f"code=C&state={question.state}"
    with Callback(question) as callback, coming(lambda: back(question, answer, host="[::1]")) as shown:
        assert callback.wait(10) == "C"
        callback.show(GOOD)
        assert shown.result(10).status_code == 200


def _servers(question: Question) -> list[browser._Server]:
    with Callback(question) as callback:
        return list(callback._servers)


@pytest.mark.parametrize("query", ["code=EVIL&state=wrong", "code=EVIL", "error=access_denied&state=wrong", ""])
def test_what_belongs_to_another_sign_in_is_told_so_and_the_wait_goes_on(question: Question, query: str) -> None:
    with Callback(question) as callback:
        stranger = back(question, query)
        assert stranger.status_code == 400
        assert "not the sign-in AutoXero waits for" in stranger.text
        assert "EVIL" not in stranger.text
        with coming(lambda: back(question, f"code=OURS&state={question.state}")) as shown:
            assert callback.wait(10) == "OURS"
            callback.show(GOOD)
            assert shown.result(10).status_code == 200


def test_states_are_compared_in_constant_time(question: Question, monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(left: bytes, right: bytes) -> bool:
        compared.append((left, right))
        return False

    monkeypatch.setattr(browser, "compare_digest", compare)
    with Callback(question) as callback:
        callback.take("code=C&state=x")
    assert compared == [(b"x", question.state.encode())]


def test_an_answer_is_taken_once(question: Question) -> None:
    answer = f"code=C&state={question.state}"
    with Callback(question) as callback, coming(lambda: back(question, answer)) as shown:
        assert callback.wait(10) == "C"
        assert "used already" in back(question, answer).text
        callback.show(GOOD)
        assert shown.result(10).status_code == 200


def test_other_addresses_show_nothing(question: Question) -> None:
    with Callback(question):
        page = back(question, "", "/favicon.ico")
    assert (page.status_code, "nothing here" in page.text) == (404, True)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("access_denied", "You pressed Cancel"),
        ("invalid_scope", "Mobile or desktop app"),
        ("unauthorized_client", "Mobile or desktop app"),
        ("<script>alert(1)</script>", "without a sign-in"),
    ],
)
def test_a_refusal_is_told_in_the_browser_and_here(question: Question, error: str, words: str) -> None:
    def refused() -> None:
        with Callback(question) as callback:
            pages.append(pool.submit(back, question, f"error={error}&state={question.state}"))
            callback.wait(10)

    pages: list[Future[requests.Response]] = []
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(PlainError, match=words) as caught:
            refused()
        page = pages[0].result(10)
    assert page.status_code == 400
    assert "You are not signed in" in page.text
    assert "<script>" not in page.text + str(caught.value)
    assert caught.value.exit_code == 2


def test_a_browser_that_never_comes_back_is_not_waited_for_for_ever(question: Question) -> None:
    begun = time.monotonic()
    with pytest.raises(PlainError, match="Nobody came back") as caught, Callback(question) as callback:
        callback.wait(0.2)
    assert time.monotonic() - begun < 5
    assert f"http://localhost:{question.port}/callback" in caught.value.next_step
    assert "autoxero connect xero" in caught.value.next_step


def test_a_sign_in_that_is_given_up_is_told_in_the_browser(question: Question) -> None:
    """Ctrl+C between the browser's coming and the end: it is not left waiting."""

    def given_up() -> None:
        with Callback(question) as callback:
            pages.append(pool.submit(back, question, f"code=C&state={question.state}"))
            callback.wait(10)
            raise KeyboardInterrupt

    pages: list[Future[requests.Response]] = []
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(KeyboardInterrupt):
            given_up()
        assert "not finished" in pages[0].result(10).text


def test_a_silent_line_stops_neither_the_answer_nor_the_end(question: Question) -> None:
    """Browsers open lines in advance and say nothing on them."""
    with socket.socket() as silent, Callback(question) as callback:
        silent.connect(("127.0.0.1", question.port))
        with coming(lambda: back(question, f"code=C&state={question.state}")) as shown:
            assert callback.wait(10) == "C"
            callback.show(GOOD)
            assert shown.result(10).status_code == 200


def test_the_port_is_free_again_at_once(question: Question) -> None:
    for _ in range(3):
        with Callback(question):
            assert back(question, "").status_code == 400
    assert not [thread for thread in threading.enumerate() if thread.name == "xero-callback" and thread.is_alive()]


def test_a_port_that_is_taken_is_told_with_the_way_out(question: Question) -> None:
    with Callback(question), pytest.raises(PlainError, match=f"Port {question.port} .* is in use") as caught:
        Callback(question).__enter__()
    assert "autoxero connect xero" in caught.value.next_step
    assert "docs/connect.md" in caught.value.next_step


def test_nothing_of_the_answer_is_logged(question: Question, capfd: pytest.CaptureFixture[str]) -> None:
    with Callback(question) as callback, coming(lambda: back(question, f"code=C0DE&state={question.state}")) as shown:
        callback.wait(10)
        callback.show(GOOD)
        shown.result(10)
    assert capfd.readouterr() == ("", "")


# --- opening it ---


def test_the_browser_is_opened_where_there_is_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = threading.Event()
    monkeypatch.setattr("webbrowser.open", lambda address: opened.set() if address == "http://x/" else None)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    browser.browse("http://x/")
    assert not opened.wait(0.05)
    monkeypatch.setenv("BROWSER", "some-browser")
    browser.browse("http://x/")
    assert opened.wait(5)
