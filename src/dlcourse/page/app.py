"""The page's server: which requests are answered, and how."""

import hmac
import ipaddress
import json
import re
import secrets
import socket
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from wsgiref.types import StartResponse, WSGIEnvironment

from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.wrappers import Request, Response

from dlcourse.errors import UserError
from dlcourse.page.fields import Fields

MAX_UPLOAD = 32 * 2**20  # bytes
MAX_BODY = 2**20  # bytes of any other request
CLOSED = "Open the address that the terminal shows.\n请打开终端里显示的地址。\n"  # before the page knows the language
STATIC = Path(__file__).with_name("static")
KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
Events = Iterator[dict[str, Any] | None]  # of a job; None: nothing new
Handler = Callable[[Fields], "dict[str, Any] | Response | Events"]
UploadHandler = Callable[[str, bytes], dict[str, Any]]  # of a file's name and content


class App:
    """Answers the page's requests, only those of a browser that was given the token.

    GET / and the files of the page; POST /api/NAME with a JSON object, answered by JSON, a file, or, for a job, a line
    of JSON for each event. A job ends when its request is closed.

    Args:
        routes: name -> what answers POST /api/NAME.
        upload: takes the name and the content of a file, POST /api/upload.
        port, host: of the server; requests must name the port, and this host, localhost or an address.
    """

    def __init__(self, routes: Mapping[str, Handler], upload: UploadHandler, port: int, host: str = "127.0.0.1"):
        self.routes, self.upload, self.port, self.host = routes, upload, port, host
        self.token = secrets.token_urlsafe(24)
        self.cookie = f"dlcourse_{port}"
        self.files = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.suffix in KINDS}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        request.max_content_length = MAX_UPLOAD
        try:
            response = self.answer(request)
        except RequestEntityTooLarge:
            response = failure(413, f"larger than {MAX_UPLOAD // 2**20} MB")
        except HTTPException as error:
            response = failure(error.code or 400, error.name)
        except (UserError, ValueError, OSError) as error:
            response = failure(400, message_of(error))
        except Exception:  # a mistake of ours: the server goes on
            traceback.print_exc(file=sys.stderr)
            response = failure(500, "an error of the server; its terminal tells more")
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response(environ, start_response)

    def answer(self, request: Request) -> Response:
        """The response to a request; UserError or HTTPException for one that is refused."""
        if not is_own_host(request.host, self.port, self.host):
            return failure(403, "this server answers only under its own address")
        if request.method == "GET":
            return self.page(request)
        if request.method != "POST" or not request.path.startswith("/api/"):
            return failure(405, "no such request")
        if not self.is_known(request):
            return failure(403, "open the address that the terminal shows")
        if request.headers.get("Origin") not in (None, f"http://{request.host}"):
            return failure(403, "requests come from the page alone")
        name = request.path.removeprefix("/api/")
        if name == "upload":
            return reply(self.upload(unquote(request.headers.get("X-Name", "")), request.get_data()))
        if name not in self.routes:
            return failure(404, "no such request")
        if (request.content_length or 0) > MAX_BODY:
            return failure(413, "too long a request")
        return reply(self.routes[name](Fields.of(request.get_data())))

    def page(self, request: Request) -> Response:
        """The page, for the token or for a browser that had it; the page's own files."""
        name = request.path.removeprefix("/static/")
        if request.path == "/":
            if hmac.compare_digest(request.args.get("token", "").encode(), self.token.encode()):
                response = Response(status=303, headers={"Location": "/"})  # the browser keeps what follows the #
                response.set_cookie(self.cookie, self.token, httponly=True, samesite="Strict")
                return response
            if not self.is_known(request):
                return Response(CLOSED, 403, mimetype="text/plain")
            name = "index.html"
        if name not in self.files or not self.is_known(request):
            return failure(404, "no such file")
        path = self.files[name]
        kept = {"Cache-Control": "max-age=3600"} if path.suffix == ".svg" else {}  # browsers ask again for the icon
        return Response(path.read_bytes(), mimetype=KINDS[path.suffix], headers=kept)

    def is_known(self, request: Request) -> bool:
        """Whether the browser was given the token."""
        given = request.cookies.get(self.cookie, "")
        return hmac.compare_digest(given.encode(), self.token.encode())


def is_own_host(host: str, port: int, own: str = "127.0.0.1") -> bool:
    """Whether a Host header names this machine by localhost, its name, its `own` host or an address, and this port.

    A foreign name that leads here (DNS rebinding) does not. Browsers leave out port 80.
    """
    found = re.fullmatch(r"(\[[^]]*\]|[^:]*)(?::(\d+))?", host)
    if found is None or int(found[2] or 80) != port:
        return False
    name = found[1]
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return name.lower() in ("localhost", socket.gethostname().lower(), own.lower())
    return True


def reply(result: "dict[str, Any] | Response | Events") -> Response:
    """What a handler returns, as a response."""
    if isinstance(result, Response):
        return result
    if isinstance(result, dict):
        return Response(json.dumps(result), mimetype="application/json")
    return Response(lines_of(result), mimetype="application/x-ndjson")


def lines_of(events: Events) -> Iterator[bytes]:
    """A line for each event of a job, an empty one where there is nothing new; an error is the last event."""
    try:
        for event in events:
            yield json.dumps(event).encode() + b"\n" if event else b"\n"
    except (UserError, ValueError, OSError) as error:
        yield json.dumps({"error": message_of(error)}).encode() + b"\n"
    except Exception:  # as above
        traceback.print_exc(file=sys.stderr)
        yield json.dumps({"error": "an error of the server; its terminal tells more"}).encode() + b"\n"
    finally:
        events.close()  # type: ignore[attr-defined]  # it is a generator: its job ends, also if the page was closed


def message_of(error: Exception) -> str:
    """The message of a mistake, or of the system, as when the disk is full."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)


def failure(status: int, message: str) -> Response:
    return Response(json.dumps({"error": message}), status, mimetype="application/json")


def file_response(content: bytes, name: str, kind: str) -> Response:
    """A file that the browser saves or shows."""
    return Response(content, mimetype=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})
