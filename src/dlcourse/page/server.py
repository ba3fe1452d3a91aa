"""Serve the page until Ctrl-C."""

import errno
import gc
import ipaddress
import socket
import sys
import webbrowser
from collections.abc import Mapping
from contextlib import suppress

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from dlcourse.errors import UserError
from dlcourse.files.terminal import say
from dlcourse.page.app import App, Handler, UploadHandler

TRIES = 20  # ports, from the one that was asked for


class QuietHandler(WSGIRequestHandler):
    """Prints no request, and closes connections that send nothing."""

    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds

    def log(self, type: str, message: str, *args: object) -> None:
        pass

    def connection_dropped(self, error: BaseException, environ: object = None) -> None:
        pass


def make(host: str, port: int, routes: Mapping[str, Handler], upload: UploadHandler) -> tuple[BaseWSGIServer, App]:
    """A server on the first free port from `port` on, and its app; UserError for a host or ports that cannot be."""
    for number in range(port, min(port + TRIES, 65536)):
        app = App(routes, upload, number, host)
        try:
            taken = listening_socket(host, number)
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                continue
            raise UserError(f"host={host}: {error.strerror}; 127.0.0.1 is this machine alone") from error
        with taken:
            return make_server(host, number, app, threaded=True, request_handler=QuietHandler, fd=taken.detach()), app
    raise UserError(f"port={port}: it and the next {TRIES - 1} are taken, or not allowed; choose another")


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket that listens; OSError if it cannot."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(128)
    except OSError:
        made.close()
        raise
    return made


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a host."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address(host: str, app: App) -> str:
    """The address to open, with the token."""
    name = "127.0.0.1" if host in ("0.0.0.0", "::") else f"[{host}]" if ":" in host else host
    return f"http://{name}:{app.port}/?token={app.token}"


def serve(server: BaseWSGIServer, app: App, host: str, open_browser: bool) -> None:
    """Say where the page is, and answer its requests until a signal ends the command."""
    say(address(host, app))
    if not is_loopback(host):
        say(f"host={host}: every machine that reaches this one can open it with the token", file=sys.stderr)
    say("Ctrl-C ends it.", file=sys.stderr)
    if open_browser:
        with suppress(webbrowser.Error):
            webbrowser.open(address(host, app))
    gc.freeze()  # what has been imported stays: to go through it again and again takes a tenth of a second each time
    try:
        server.serve_forever()
    finally:
        server.server_close()
