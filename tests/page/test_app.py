"""The server: who is answered, and that it survives any request."""

import io
import json
import random

import numpy as np
import pytest
from PIL import Image
from werkzeug.test import Client

from dlcourse.errors import UserError
from dlcourse.page.app import App, is_own_host
from dlcourse.page.fields import Fields
from dlcourse.page.uploads import MOST, Uploads

PORT = 8000
BASE = f"http://127.0.0.1:{PORT}"


def fail(_):
    raise UserError("size must be smaller")


def crash(_):
    raise RuntimeError("a mistake of ours")


def count(fields):
    for number in range(fields.whole("to", 0, 9)):
        yield {"number": number}
        yield None
    raise UserError("the end")


ROUTES = {"echo": lambda fields: dict(fields.values), "fail": fail, "crash": crash, "count": count}


@pytest.fixture
def app(tmp_path):
    return App(ROUTES, Uploads(tmp_path / "uploads").add, PORT)


@pytest.fixture
def client(app):
    client = Client(app)
    assert client.get(f"/?token={app.token}", base_url=BASE).status_code == 303
    return client


def post(client, name, body, **headers):
    return client.post(f"/api/{name}", data=json.dumps(body), base_url=BASE, headers=headers)


def png(width=8, height=8):
    buffer = io.BytesIO()
    Image.fromarray(np.full((height, width, 3), 90, np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def test_the_token_opens_the_page_and_disappears_from_the_address(app):
    client = Client(app)
    closed = client.get("/", base_url=BASE)
    assert closed.status_code == 403 and "terminal" in closed.text and "终端" in closed.text
    assert client.get("/?token=wrong", base_url=BASE).status_code == 403
    assert client.get("/static/app.js", base_url=BASE).status_code == 404
    opened = client.get(f"/?token={app.token}", base_url=BASE)
    assert opened.headers["Location"] == "/"
    cookie = opened.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Strict" in cookie
    page = client.get("/", base_url=BASE)
    assert page.status_code == 200 and page.mimetype == "text/html"
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'")
    assert client.get("/static/app.js", base_url=BASE).mimetype == "text/javascript"


def test_requests_without_the_token_are_refused(app):
    assert post(Client(app), "echo", {}).status_code == 403


def test_requests_of_other_pages_are_refused(client):
    assert post(client, "echo", {}, Origin=BASE).status_code == 200
    assert post(client, "echo", {}, Origin="http://evil.example").status_code == 403
    assert post(client, "echo", {}, Origin="http://127.0.0.1:9999").status_code == 403
    assert post(client, "echo", {}, Origin="null").status_code == 403


@pytest.mark.parametrize("host", ["evil.example:8000", "127.0.0.1.evil.example:8000", "127.0.0.1:80", "127.0.0.1", ""])
def test_foreign_names_are_refused(client, host):
    response = client.post("/api/echo", data="{}", base_url=BASE, headers={"Host": host})
    assert response.status_code in (400, 403)
    assert not is_own_host(host, PORT)


def test_own_names():
    for host in ("127.0.0.1:8000", "localhost:8000", "[::1]:8000", "192.168.1.5:8000"):
        assert is_own_host(host, PORT)
    assert is_own_host("127.0.0.1", 80) and is_own_host("[::1]", 80) and not is_own_host("evil.example", 80)
    assert is_own_host("studio.lan:8000", PORT, "studio.lan") and not is_own_host("studio.lan:8000", PORT)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    (tmp_path / "uploads").write_text("a file")
    app = App(ROUTES, Uploads(tmp_path / "uploads").add, PORT)
    client = Client(app)
    client.get(f"/?token={app.token}", base_url=BASE)
    response = upload(client, png())
    assert response.status_code == 400 and "uploads" in response.json["error"]


def test_answers(client):
    assert post(client, "echo", {"a": [1, "é"]}).json == {"a": [1, "é"]}
    assert post(client, "missing", {}).status_code == 404
    refused = post(client, "fail", {})
    assert (refused.status_code, refused.json) == (400, {"error": "size must be smaller"})


def test_a_mistake_of_ours_is_told_in_the_terminal_alone(client, capfd):
    response = post(client, "crash", {})
    assert response.status_code == 500 and "mistake" not in response.text
    assert "RuntimeError: a mistake of ours" in capfd.readouterr().err
    assert post(client, "echo", {}).status_code == 200


def test_events_are_lines_and_an_error_is_the_last(client):
    lines = post(client, "count", {"to": 2}).text.splitlines()
    assert [json.loads(line) for line in lines if line] == [{"number": 0}, {"number": 1}, {"error": "the end"}]
    assert lines.count("") == 2


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a": NaN}', b'"x"', b"1e999"])
def test_bodies_that_are_no_json_object(client, body):
    response = client.post("/api/echo", data=body, base_url=BASE)
    assert response.status_code in (200, 400) and response.mimetype == "application/json"


def test_long_bodies_are_refused(client):
    assert client.post("/api/echo", data=b" " * (2**20 + 1), base_url=BASE).status_code == 413
    assert client.post("/api/upload", data=b" " * (40 * 2**20), base_url=BASE).status_code == 413


def upload(client, content, name="photo.png"):
    return client.post("/api/upload", data=content, base_url=BASE, headers={"X-Name": name})


def test_uploads_are_images_under_names_of_ours(client, tmp_path):
    for name in ("photo.png", "../../evil.sh", "a%2Fb%00.png", "", "x" * 300):
        found = upload(client, png(), name).json
        assert found["size"] == [8, 8] and found["image"].startswith("data:image/png")
    files = sorted(path.name for path in (tmp_path / "uploads").iterdir())
    assert len(files) == 5 and all(name.endswith(".png") for name in files)
    assert {path.name for path in tmp_path.iterdir()} == {"uploads"}


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"<svg/>", png()[:40], b"%!PS-Adobe"])
def test_broken_uploads(client, content):
    response = upload(client, content, "my photo.png")
    assert response.status_code == 400 and response.json["error"].startswith("my photo.png: ")


def test_uploads_end_somewhere(tmp_path):
    uploads = Uploads(tmp_path)
    uploads.paths = [tmp_path / "a.png"] * MOST
    with pytest.raises(UserError, match="start the page anew"):
        uploads.add("a.png", png())
    with pytest.raises(UserError, match=f"there is no upload {MOST}"):
        uploads.path(MOST)


def test_paths_name_only_the_files_of_the_page(client):
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/etc/passwd", "/static//etc/passwd", "/app.js.map"):
        assert client.get(path, base_url=BASE).status_code == 404


def test_fields_tell_name_value_and_range():
    fields = Fields({"a": 3, "b": "x", "c": True, "d": [1, 2.5], "e": float("nan")})
    assert (fields.number("a", 0, 5), fields.whole("a", 0, 5), fields.numbers("d", 0, 3, 2)) == (3.0, 3, [1.0, 2.5])
    for call, message in {
        lambda: fields.number("a", 0, 2): "a must be a number from 0 to 2, got 3",
        lambda: fields.number("e", 0, 2): "e must be a number from 0 to 2, got nan",
        lambda: fields.number("c", 0, 2): "c must be a number from 0 to 2, got True",
        lambda: fields.whole("z", 0, 2): "z must be a whole number from 0 to 2, got nothing",
        lambda: fields.choice("b", ["y"]): "b must be one of y, got 'x'",
        lambda: fields.flag("b"): "b must be true or false, got 'x'",
        lambda: fields.numbers("d", 0, 3, 1): "d must be a list of at most 1 numbers",
        lambda: fields.part("a"): "a must be an object, got 3",
    }.items():
        with pytest.raises(UserError, match=message.replace("(", r"\(")):
            call()


@pytest.mark.parametrize("seed", range(50))
def test_mutated_requests_are_answered(client, seed):
    """100 requests for each seed, 5 000 in all: none ends the server or reads another file."""
    chance = random.Random(seed)
    for _ in range(100):
        path = chance.choice(["/", "/api/echo", "/api/count", "/api/upload", "/static/app.js", "/api/fail"])
        path = "".join(chance.choice("/.%\x7f2e\\~é") if chance.random() < 0.1 else letter for letter in path) or "/"
        body = bytes(chance.randrange(256) for _ in range(chance.randrange(60)))
        if chance.random() < 0.5:
            body = json.dumps({"to": chance.choice([3, -1, "x", None, [], {}, 1e400, 10**40])}).encode()
        headers = {"X-Name": chance.choice(["a", "%ff%fe", "é", "../x"])} if chance.random() < 0.3 else {}
        method = chance.choice(["GET", "POST", "POST", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "X"])
        response = client.open(path, method=method, data=body, base_url=BASE, headers=headers)
        assert response.status_code in (200, 303, 400, 403, 404, 405, 413), (method, path, body, response.text)
