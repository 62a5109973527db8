"""The HTTP face of the pretend Xero's sign-in host."""

from __future__ import annotations

import re
from html import escape
from urllib.parse import urlencode

from werkzeug import Request, Response

from agent.pretend.wire import JsonObject, json_answer
from agent.pretend.xero_sign_in import SignInError
from agent.pretend.xero_store import PretendXero

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1>{body}</body></html>"""
VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class XeroLogin:
    """Answers the addresses below ``/connect`` and ``/identity/connect``."""

    def __init__(self, store: PretendXero) -> None:
        self._store = store
        self._sign_in = store.sign_in

    def handle(self, request: Request) -> Response:
        """Answer one request."""
        path = request.path.lower().removeprefix("/identity").rstrip("/")
        try:
            with self._store.lock:
                if path == "/connect/token" and request.method == "POST":
                    return self._token(request)
                if path == "/connect/revocation" and request.method == "POST":
                    return self._revocation(request)
                if path == "/connect/authorize" and request.method in {"GET", "POST"}:
                    return self._authorise(request)
        except SignInError as error:
            return json_answer({"error": str(error)}, 400)
        return Response(status=404)

    def _token(self, request: Request) -> Response:
        form = request.form
        has_secret = self._check_client(request)
        kind = form.get("grant_type", "")
        if kind == "client_credentials":
            answer = self._client_credentials(form.get("scope", ""), has_secret=has_secret)
        elif kind == "authorization_code":
            verifier = form.get("code_verifier", "")
            if verifier and not VERIFIER.fullmatch(verifier):
                raise SignInError("invalid_grant")
            answer = self._sign_in.exchange(
                form.get("code", ""), form.get("redirect_uri", ""), verifier, has_secret=has_secret
            )
        elif kind == "refresh_token":
            answer = self._sign_in.refreshed(form.get("refresh_token", ""))
        else:
            raise SignInError("unsupported_grant_type")
        response = json_answer(answer)
        response.headers["Cache-Control"] = "no-store, no-cache, max-age=0"
        return response

    def _check_client(self, request: Request) -> bool:
        """Check the app's credentials; gives whether it showed its secret."""
        authorization = request.authorization
        if authorization is not None and authorization.type == "basic":
            client_id, secret = authorization.username, authorization.password
        else:
            client_id, secret = request.form.get("client_id"), request.form.get("client_secret")
        app = self._sign_in.app
        if client_id != app.client_id or (secret and secret != app.secret):
            raise SignInError("invalid_client")
        return bool(secret)

    def _client_credentials(self, scope: str, *, has_secret: bool) -> JsonObject:
        if not has_secret:
            raise SignInError("invalid_client")
        scopes = self._scopes(scope) or self._sign_in.app.scopes - {"openid", "profile", "email", "offline_access"}
        return self._sign_in.grant(scopes, is_custom=True)

    def _scopes(self, text: str) -> frozenset[str]:
        scopes = frozenset(text.split())
        if not scopes <= self._sign_in.app.scopes:
            raise SignInError("invalid_scope")
        return scopes

    def _revocation(self, request: Request) -> Response:
        self._check_client(request)
        self._sign_in.revoke(request.form.get("token", ""))
        return Response(status=200)

    def _authorise(self, request: Request) -> Response:
        wanted = request.values
        app = self._sign_in.app
        redirect = wanted.get("redirect_uri", "")
        if wanted.get("client_id") != app.client_id:
            return _page("Error", "<p>unauthorized_client</p><p>Unknown client or client not enabled</p>", 400)
        if not app.is_redirect(redirect):
            return _page("Error", "<p>unauthorized_client</p><p>Invalid redirect_uri</p>", 400)
        if not frozenset(wanted.get("scope", "").split()) <= app.scopes:
            return _page("Error", "<p>unauthorized_client</p><p>Invalid scope for client</p>", 400)
        return self._decide(request, redirect)

    def _decide(self, request: Request, redirect: str) -> Response:
        wanted = request.values
        scopes = self._scopes(wanted.get("scope", ""))
        if wanted.get("response_type") != "code" or wanted.get("code_challenge_method", "S256") != "S256":
            return _redirect(redirect, {"error": "invalid_request", "state": wanted.get("state", "")})
        decision = wanted.get("decision") if request.method == "POST" else self._sign_in.consent
        if decision == "ask":
            return self._consent_page(request)
        if decision != "allow":
            answer = {
                "error": "access_denied",
                "error_description": "The person refused",
                "state": wanted.get("state", ""),
            }
            return _redirect(redirect, answer)
        code = self._sign_in.new_code(scopes, redirect, wanted.get("code_challenge", ""))
        return _redirect(redirect, {"code": code, "scope": " ".join(sorted(scopes)), "state": wanted.get("state", "")})

    def _consent_page(self, request: Request) -> Response:
        hidden = "".join(
            f'<input type="hidden" name="{escape(name)}" value="{escape(value)}">'
            for name, value in request.args.items()
        )
        names = ", ".join(escape(name) for _, name in self._sign_in.tenants)
        body = (
            f"<p>{escape(self._sign_in.app.name)} wants access to {names}.</p>"
            f'<form method="post">{hidden}<button name="decision" value="allow">Allow access</button> '
            '<button name="decision" value="refuse">Cancel</button></form>'
            "<p>This is a pretend Xero on this computer. No real books are touched.</p>"
        )
        return _page("Pretend Xero", body, 200)


def _page(title: str, body: str, status: int) -> Response:
    return Response(PAGE.format(title=title, body=body), status, content_type="text/html; charset=utf-8")


def _redirect(address: str, values: dict[str, str]) -> Response:
    separator = "&" if "?" in address else "?"
    shown = {name: value for name, value in values.items() if value}
    return Response(status=302, headers={"Location": f"{address}{separator}{urlencode(shown)}"})
