"""Signing in to the pretend Xero: both kinds of app, and everything that goes wrong."""

from __future__ import annotations

import base64
import importlib
import json
import os
import re
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from agent.pretend.cloud import Cloud
from agent.pretend.xero_records import Organisation
from agent.pretend.xero_sign_in import challenge_of

CALLBACK = "http://localhost:8742/callback"
VERIFIER = "v" * 43
SCOPES = "openid offline_access accounting.invoices accounting.contacts accounting.settings.read"


def token(cloud: Cloud, **form: str) -> requests.Response:
    return requests.post(f"{cloud.url}/connect/token", data=form, timeout=5)


def authorise(cloud: Cloud, **changes: str) -> requests.Response:
    params = {
        "response_type": "code",
        "client_id": cloud.xero.app.client_id,
        "redirect_uri": CALLBACK,
        "scope": SCOPES,
        "state": "state-1",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    } | changes
    address = f"{cloud.url}/identity/connect/authorize"
    return requests.get(address, params=params, allow_redirects=False, timeout=5)


def answer_of(response: requests.Response) -> dict[str, str]:
    assert response.status_code == 302, response.text
    assert response.headers["Location"].startswith(CALLBACK + "?")
    return {name: values[0] for name, values in parse_qs(urlsplit(response.headers["Location"]).query).items()}


def sign_in(cloud: Cloud) -> dict[str, str]:
    code = answer_of(authorise(cloud))["code"]
    answer = exchange(cloud, code)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = answer.json()
    return tokens


def exchange(cloud: Cloud, code: str, **changes: str) -> requests.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": cloud.xero.app.client_id,
        "code": code,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    return token(cloud, **form | changes)


def refresh(cloud: Cloud, text: str) -> requests.Response:
    return token(cloud, grant_type="refresh_token", client_id=cloud.xero.app.client_id, refresh_token=text)


def claims(text: str) -> dict[str, object]:
    part = text.split(".")[1]
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


class TestCustomConnection:
    def test_basic_and_body(self, cloud: Cloud) -> None:
        """The app's own token reaches the one organisation without naming it."""
        app = cloud.xero.app
        form = {"grant_type": "client_credentials", "scope": "accounting.settings"}
        basic = requests.post(f"{cloud.url}/connect/token", data=form, auth=(app.client_id, app.secret), timeout=5)
        body = token(cloud, **form, client_id=app.client_id, client_secret=app.secret)
        for answer in (basic, body):
            granted = answer.json()
            assert "refresh_token" not in granted
            assert (granted["expires_in"], granted["token_type"]) == (1800, "Bearer")
            assert "no-store" in answer.headers["Cache-Control"]
            headers = {"Authorization": f"Bearer {granted['access_token']}"}
            organisation = requests.get(f"{cloud.url}/api.xro/2.0/Organisation", headers=headers, timeout=5)
            assert organisation.status_code == 200
            (connection,) = requests.get(f"{cloud.url}/CONNECTIONS", headers=headers, timeout=5).json()
            assert connection["tenantId"] == cloud.xero.tenant_id

    @pytest.mark.parametrize(
        ("form", "error"),
        [
            ({"client_secret": "wrong"}, "invalid_client"),
            ({"client_id": "wrong"}, "invalid_client"),
            ({"client_secret": ""}, "invalid_client"),
            ({"scope": "accounting.transactions"}, "invalid_scope"),
            ({"scope": "accounting.settings accounting.reports.read"}, "invalid_scope"),
            ({"grant_type": "password"}, "unsupported_grant_type"),
        ],
    )
    def test_refusals(self, cloud: Cloud, form: dict[str, str], error: str) -> None:
        """Always 400, with the code of the error."""
        app = cloud.xero.app
        good = {"grant_type": "client_credentials", "client_id": app.client_id, "client_secret": app.secret}
        answer = token(cloud, **good | form)
        assert (answer.status_code, answer.json()) == (400, {"error": error})


class TestPerson:
    def test_the_whole_way(self, cloud: Cloud) -> None:
        """Consent, code, tokens, connections, with no secret."""
        answer = answer_of(authorise(cloud))
        assert answer["state"] == "state-1"
        tokens = exchange(cloud, answer["code"]).json()
        assert set(tokens) == {"id_token", "access_token", "expires_in", "token_type", "refresh_token", "scope"}
        event = str(claims(tokens["access_token"])["authentication_event_id"])
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        for found in (event, ""):
            address = f"{cloud.url}/connections?authEventId={found}"
            (connection,) = requests.get(address, headers=headers, timeout=5).json()
            assert (connection["tenantType"], connection["authEventId"]) == ("ORGANISATION", event)
            assert re.fullmatch(r"2026-11-20T01:00:00\.\d{7}", connection["createdDateUtc"])
        none = requests.get(f"{cloud.url}/connections?authEventId=x", headers=headers, timeout=5)
        assert none.json() == []

    def test_an_independent_client(self, cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
        """requests-oauthlib goes the same way with its own PKCE."""
        monkeypatch.setitem(os.environ, "OAUTHLIB_INSECURE_TRANSPORT", "1")
        monkeypatch.setitem(os.environ, "OAUTHLIB_RELAX_TOKEN_SCOPE", "1")
        client = importlib.import_module("requests_oauthlib")
        session = client.OAuth2Session(
            cloud.xero.app.client_id, redirect_uri=CALLBACK, scope=SCOPES.split(), pkce="S256"
        )
        address, _ = session.authorization_url(f"{cloud.url}/identity/connect/authorize")
        location = requests.get(address, allow_redirects=False, timeout=5).headers["Location"]
        granted = session.fetch_token(
            f"{cloud.url}/connect/token", authorization_response=location, include_client_id=True
        )
        assert session.get(f"{cloud.url}/connections").status_code == 200
        again = session.refresh_token(f"{cloud.url}/connect/token", client_id=cloud.xero.app.client_id)
        assert again["refresh_token"] != granted["refresh_token"]

    def test_codes_work_once_and_briefly(self, cloud: Cloud, forward: Callable[..., None]) -> None:
        """Used, old or foreign codes and wrong verifiers are invalid_grant."""
        code = answer_of(authorise(cloud))["code"]
        assert exchange(cloud, code).status_code == 200
        assert exchange(cloud, code).json() == {"error": "invalid_grant"}
        for changes in (
            {"code_verifier": "w" * 43},
            {"redirect_uri": CALLBACK + "/"},
            {"code": "x"},
            {"code_verifier": "v"},
        ):
            code = answer_of(authorise(cloud))["code"]
            assert exchange(cloud, **{"code": code} | changes).json() == {"error": "invalid_grant"}
        code = answer_of(authorise(cloud))["code"]
        forward(minutes=5)
        assert exchange(cloud, code).json() == {"error": "invalid_grant"}

    def test_without_pkce_the_secret_is_needed(self, cloud: Cloud) -> None:
        """A confidential app may leave the challenge out."""
        code = answer_of(authorise(cloud, code_challenge=""))["code"]
        assert exchange(cloud, code).json() == {"error": "invalid_client"}
        code = answer_of(authorise(cloud, code_challenge=""))["code"]
        assert exchange(cloud, code, code_verifier="", client_secret=cloud.xero.app.secret).status_code == 200

    @pytest.mark.parametrize(
        "changes",
        [
            {"client_id": "wrong"},
            {"redirect_uri": "http://127.0.0.1:8742/callback"},
            {"scope": "accounting.transactions"},
        ],
    )
    def test_wrong_requests_stay_on_the_page(self, cloud: Cloud, changes: dict[str, str]) -> None:
        """The person sees an error; nothing is sent to the app."""
        answer = authorise(cloud, **changes)
        assert answer.status_code == 400
        assert "unauthorized_client" in answer.text

    def test_registered_addresses_match_exactly(self, cloud: Cloud) -> None:
        """Port and path count."""
        cloud.xero.app.redirects = {CALLBACK}
        assert authorise(cloud).status_code == 302
        assert authorise(cloud, redirect_uri="http://localhost:8743/callback").status_code == 400

    def test_a_refusal(self, cloud: Cloud) -> None:
        """The redirect carries the error and the state."""
        cloud.xero.sign_in.consent = "refuse"
        answer = answer_of(authorise(cloud))
        assert (answer["error"], answer["state"]) == ("access_denied", "state-1")
        assert cloud.xero.sign_in.connections == {}

    def test_the_consent_page(self, cloud: Cloud) -> None:
        """A page with two buttons; the form carries on with what was asked."""
        cloud.xero.sign_in.consent = "ask"
        page = authorise(cloud)
        assert page.status_code == 200
        assert "Pretend Company (NZ)" in page.text
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', page.text))
        for decision, name in (("allow", "code"), ("refuse", "error")):
            answer = requests.post(page.url, data=hidden | {"decision": decision}, allow_redirects=False, timeout=5)
            assert name in answer_of(answer)

    def test_several_organisations(self, cloud: Cloud) -> None:
        """A consent connects what the person picks."""
        other = cloud.xero.add_organisation(Organisation(name="Second Ltd"))
        cloud.xero.sign_in.tenants.append((other, "Second Ltd"))
        headers = {"Authorization": f"Bearer {sign_in(cloud)['access_token']}"}
        shown = requests.get(f"{cloud.url}/connections", headers=headers, timeout=5).json()
        assert {entry["tenantName"] for entry in shown} == {"Pretend Company (NZ)", "Second Ltd"}

    def test_disconnecting(self, cloud: Cloud) -> None:
        """By the connection's id; the tenant's id is 403, and afterwards the organisation is 403."""
        headers = {"Authorization": f"Bearer {sign_in(cloud)['access_token']}", "xero-tenant-id": cloud.xero.tenant_id}
        (entry,) = requests.get(f"{cloud.url}/connections", headers=headers, timeout=5).json()
        wrong = requests.delete(f"{cloud.url}/connections/{entry['tenantId']}", headers=headers, timeout=5)
        right = requests.delete(f"{cloud.url}/connections/{entry['id']}", headers=headers, timeout=5)
        assert (wrong.status_code, right.status_code) == (403, 204)
        assert requests.get(f"{cloud.url}/api.xro/2.0/Organisation", headers=headers, timeout=5).status_code == 403


class TestRefreshing:
    def test_tokens_rotate(self, cloud: Cloud, forward: Callable[..., None]) -> None:
        """The old refresh token works for half an hour more, in case the answer was lost."""
        first = sign_in(cloud)["refresh_token"]
        second = refresh(cloud, first).json()["refresh_token"]
        assert second != first
        forward(minutes=30)
        assert refresh(cloud, first).status_code == 200
        forward(seconds=1)
        answer = refresh(cloud, first)
        assert (answer.status_code, answer.json()) == (400, {"error": "invalid_grant"})
        assert refresh(cloud, second).status_code == 200

    def test_sixty_days(self, cloud: Cloud, forward: Callable[..., None]) -> None:
        """An unused refresh token runs out."""
        tokens = sign_in(cloud)
        forward(days=60)
        assert refresh(cloud, tokens["refresh_token"]).json() == {"error": "invalid_grant"}
        assert refresh(cloud, "nonsense").json() == {"error": "invalid_grant"}

    def test_no_offline_access_no_refresh_token(self, cloud: Cloud) -> None:
        """It has to be asked for."""
        code = answer_of(authorise(cloud, scope="accounting.invoices"))["code"]
        tokens = exchange(cloud, code).json()
        assert "refresh_token" not in tokens
        assert "id_token" not in tokens

    def test_revoking(self, cloud: Cloud) -> None:
        """It takes the tokens and every connection."""
        tokens = sign_in(cloud)
        form = {"token": tokens["refresh_token"], "client_id": cloud.xero.app.client_id}
        answer = requests.post(f"{cloud.url}/connect/revocation", data=form, timeout=5)
        assert (answer.status_code, answer.content) == (200, b"")
        assert cloud.xero.sign_in.connections == {}
        assert refresh(cloud, tokens["refresh_token"]).status_code == 400
        headers = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert requests.get(f"{cloud.url}/connections", headers=headers, timeout=5).status_code == 401

    def test_expire_all(self, cloud: Cloud) -> None:
        """A handle for tests."""
        headers = {"Authorization": f"Bearer {sign_in(cloud)['access_token']}"}
        cloud.xero.sign_in.expire_all()
        assert requests.get(f"{cloud.url}/connections", headers=headers, timeout=5).status_code == 401
