"""Requests to the page as its browser sends them."""

import json

from werkzeug.test import Client

from dlcourse.page.app import App

BASE = "http://127.0.0.1:8000"


def client_of(routes, uploads):
    """A function (name, JSON object, or the bytes of an upload) -> response, with the token."""
    app = App(routes, uploads.add, 8000)
    client = Client(app)
    client.get(f"/?token={app.token}", base_url=BASE)

    def post(name, body, data=None):
        return client.post(f"/api/{name}", data=json.dumps(body) if data is None else data, base_url=BASE)

    return post
