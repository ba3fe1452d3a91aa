"""Downloads from a server of this machine that breaks off, ignores ranges, or sends something else."""

import hashlib
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from dlcourse.errors import UserError
from dlcourse.files import download as module
from dlcourse.files.download import download

CONTENT = bytes(range(256)) * 4096
HASH = hashlib.sha256(CONTENT).hexdigest()[:8]


class Server(BaseHTTPRequestHandler):
    limit, knows_ranges = len(CONTENT), True
    asked: list[str | None] = []

    def do_GET(self):
        wanted = self.headers["Range"]
        self.asked.append(wanted)
        start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted and self.knows_ranges else 0
        if start == len(CONTENT):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start : start + self.limit])

    def log_message(self, *_):
        pass


@pytest.fixture
def served(monkeypatch):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(Server, "asked", [])
    yield f"http://127.0.0.1:{server.server_port}/file"
    server.shutdown()
    server.server_close()


def test_a_download_goes_on_where_it_ended(served, tmp_path, monkeypatch):
    target = tmp_path / "new" / "file.pth"
    monkeypatch.setattr(Server, "limit", 300_000)
    with pytest.raises(OSError, match=rf"^the connection ended after 300000 of {len(CONTENT)} bytes"):
        download(served, target, HASH)
    assert not target.exists()
    monkeypatch.setattr(Server, "limit", len(CONTENT))
    download(served, target, HASH)
    assert target.read_bytes() == CONTENT and not target.with_name("file.pth.part").exists()
    download(served, target, HASH)  # it is there
    assert Server.asked == [None, "bytes=300000-"]


def test_a_server_without_ranges_sends_all_again(served, tmp_path, monkeypatch):
    monkeypatch.setattr(Server, "knows_ranges", False)
    (tmp_path / "file.part").write_bytes(b"x" * 1000)
    download(served, tmp_path / "file", HASH)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_part_that_is_whole_is_taken(served, tmp_path):
    (tmp_path / "file.part").write_bytes(CONTENT)
    download(served, tmp_path / "file", HASH)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_another_file_is_not_kept(served, tmp_path):
    with pytest.raises(UserError, match=f"/file: what came has the hash {HASH}, not 00000000; try again"):
        download(served, tmp_path / "file", "00000000")
    assert not (tmp_path / "file").exists() and not (tmp_path / "file.part").exists()


def test_space_is_asked_for_first(served, tmp_path, monkeypatch):
    monkeypatch.setattr(module.shutil, "disk_usage", lambda _: SimpleNamespace(free=2**19))
    with pytest.raises(UserError, match=r"1 MiB are needed, 0 are free$"):
        download(served, tmp_path / "file", HASH)
    assert not (tmp_path / "file.part").exists()


def test_several_at_once_fetch_it_once(served, tmp_path):
    threads = [threading.Thread(target=download, args=(served, tmp_path / "file", HASH)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (tmp_path / "file").read_bytes() == CONTENT and Server.asked == [None]
