"""One request to the pretend Xero, made easy to read for the endpoints, and its refusals."""

from __future__ import annotations

from dataclasses import dataclass

from werkzeug import Request, Response

from agent.pretend.wire import JsonObject, NotJsonError, decode, json_answer
from agent.pretend.xero_books import Books
from agent.pretend.xero_sent import PostDataError
from agent.pretend.xero_shapes import to_wire


@dataclass
class Ask:
    """One request, after sign-in and limits.

    Attributes:
        request: The request.
        books: The organisation it is about.
        path: The parts of the address after the resource, as sent.
    """

    request: Request
    books: Books
    path: list[str]

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.request.method

    def text(self, name: str) -> str:
        """Give a query parameter, whatever the case of its name; empty when missing."""
        for key, value in self.request.args.items():
            if key.lower() == name.lower():
                return value
        return ""

    def is_on(self, name: str, *, default: bool = False) -> bool:
        """Read a query parameter as a truth value, in any case."""
        value = self.text(name).lower()
        return value == "true" if value in {"true", "false"} else default

    def listed(self, name: str) -> set[str]:
        """Read a comma-separated query parameter, in lower case."""
        return {part.strip().lower() for part in self.text(name).split(",") if part.strip()}

    @property
    def places(self) -> int:
        """The decimals of unit amounts."""
        return 4 if self.text("unitdp") == "4" else 2

    @property
    def is_summary_mode(self) -> bool:
        """Whether one bad element makes the whole answer an error."""
        return self.is_on("summarizeErrors", default=True)

    def elements(self, name: str) -> list[object]:
        """Read the body: a list under the plural name in any case, a bare list, or one bare object.

        Raises:
            PostDataError: It is not JSON, or empty.
        """
        try:
            body = decode(self.request.get_data())
        except NotJsonError as error:
            raise PostDataError(f"Unable to parse the request body: {error}") from None
        if isinstance(body, list):
            return list(body)
        if not isinstance(body, dict) or not body:
            raise PostDataError(f"No {name} were supplied in the request body")
        for key, value in body.items():
            if key.lower() == name.lower():
                if not isinstance(value, list):
                    return [value]
                return list(value)
        return [body]


def validation_answer(elements: list[JsonObject]) -> Response:
    """Answer 400 with the elements that were refused."""
    body = {
        "ErrorNumber": 10,
        "Type": "ValidationException",
        "Message": "A validation exception occurred",
        "Elements": to_wire(elements),
    }
    return json_answer(body, 400)


def exception_answer(number: int, kind: str, message: str, status: int = 400) -> Response:
    """Answer with one of Xero's numbered exceptions."""
    return json_answer({"ErrorNumber": number, "Type": kind, "Message": message}, status)


def not_found() -> Response:
    """Answer 404 as Xero does: no body, said to be HTML."""
    return Response(b"", 404, content_type="text/html; charset=utf-8")


def not_implemented() -> Response:
    """Answer that an endpoint does not know a method."""
    return exception_answer(20, "ApiMethodNotImplementedException", "The Api Method called is not implemented", 501)
