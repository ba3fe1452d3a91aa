"""The browser page: a server, and the files of the page in static/."""
