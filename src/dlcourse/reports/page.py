"""A page in one HTML file: its frame and style, text, and images as part of the file."""

import base64
import html
import io
from pathlib import Path

from PIL import Image

from dlcourse.files.terminal import printable
from dlcourse.images.files import open_image, stated_size

MOST_BYTES = 2**22  # of an image file that is taken as it is
MOST_PIXELS = 2**24  # of an image that is decoded for a thumbnail
THUMBNAIL = 1024  # pixels per side, at most
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{title}</title><style>{style}</style></head>
<body>{body}</body></html>
"""
STYLE = """
:root { --page: #fff; --soft: #f3f4f6; --line: #d5d8de; --text: #1c2026; --faint: #5b6370;
  --c0: #1f6fd6; --c1: #d9660a; --c2: #15803d; --c3: #8a3fd1; --c4: #c02660; --c5: #0e7c86; }
@media (prefers-color-scheme: dark) { :root { --page: #15181c; --soft: #20242a; --line: #3a4049; --text: #e6e8eb;
  --faint: #a0a8b3; --c0: #6aaeff; --c1: #ff9f52; --c2: #5fd08a; --c3: #c79bff; --c4: #ff85ad; --c5: #5cd3de; } }
body { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { margin: 0; font-size: clamp(1.3rem, 5vw, 1.9rem); overflow-wrap: anywhere; }
h2 { margin: 2.2rem 0 .7rem; font-size: 1.15rem; }
p { margin: .4rem 0; } .faint, figcaption, footer { color: var(--faint); font-size: .85rem; }
code, pre { font: .85rem/1.5 ui-monospace, monospace; background: var(--soft); border-radius: 4px; }
code { padding: .1rem .35rem; overflow-wrap: anywhere; }
pre { padding: .6rem .8rem; overflow: auto; margin: 0; } pre.command { user-select: all; white-space: pre-wrap;
  overflow-wrap: anywhere; margin: .2rem 0 .8rem; }
dl { display: flex; flex-wrap: wrap; gap: .6rem; margin: 1.2rem 0; }
dl div { background: var(--soft); border-radius: 6px; padding: .5rem .9rem; }
dt { color: var(--faint); font-size: .8rem; } dd { margin: 0; font-size: 1.3rem; font-weight: 600; }
dd small { font-size: .8rem; font-weight: 400; color: var(--faint); }
figure { margin: 0; min-width: 0; } img { max-width: 100%; height: auto; display: block; border-radius: 4px; }
figcaption { margin: .25rem 0 0; overflow-wrap: anywhere; }
.result { display: flex; flex-wrap: wrap; gap: 1.2rem; align-items: flex-start; }
.inputs, .more { flex: 1 1 10rem; display: grid; gap: 1rem; align-items: start;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 10rem), 1fr)); }
.inputs img { width: 100%; } .inputs + figure { flex: 4 1 30rem; } .inputs + figure img { width: 100%; }
.earlier { display: grid; grid-template-columns: repeat(auto-fill, minmax(6rem, 1fr)); gap: .7rem; align-items: end; }
.earlier img { width: 100%; }
.curves { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 25rem), 1fr)); gap: 1.5rem; }
.curves figcaption span::before { content: "\\25CF\\00A0"; color: var(--c); }
.curves figcaption span { margin-left: .8em; white-space: nowrap; }
svg { width: 100%; height: auto; overflow: visible; } svg text { fill: var(--faint); font-size: 12px; }
svg line { stroke: var(--line); } polyline { fill: none; stroke: var(--c); stroke-width: 1.8; stroke-linejoin: round; }
circle { fill: var(--c); }
.c0 { --c: var(--c0); } .c1 { --c: var(--c1); } .c2 { --c: var(--c2); } .c3 { --c: var(--c3); }
.c4 { --c: var(--c4); } .c5 { --c: var(--c5); }
summary { cursor: pointer; } footer { margin-top: 2rem; }
"""


def whole_page(title: str, parts: list[str]) -> str:
    """The page with this title and the parts of its body that are not empty."""
    return PAGE.format(title=safe(title), style=STYLE, body="\n".join(filter(None, parts)))


def safe(text: object) -> str:
    """Any text as one line of HTML."""
    return html.escape(printable(text))


def titled(title: str, kind: str, parts: list[str]) -> str:
    """A section of the page, its style chosen by `kind`; "" without parts."""
    return f'<h2>{safe(title)}</h2><div class="{kind}">{"".join(parts)}</div>' if any(parts) else ""


def figure(source: Path | Image.Image, largest: int, caption: str, shown: int | None = None) -> str:
    """An image with a caption; "" for a broken one.

    Args:
        source: a PNG file, taken as it is if it is small enough, or an image.
        largest: pixels of its longer side in the page; a larger one is reduced, and if that is more than a THUMBNAIL's,
            its caption says so.
        caption: text below it.
        shown: a smaller image is magnified by a whole factor, up to about this width; None: it is not.
    """
    try:
        size = stated_size(source) if isinstance(source, Path) else source.size
        most = min(MOST_BYTES, 3 * largest**2) if max(size) <= largest else 0
        if isinstance(source, Path) and source.stat().st_size <= most:
            kind, content = "png", source.read_bytes()
        elif size[0] * size[1] > MOST_PIXELS and largest <= THUMBNAIL:
            return ""
        else:
            if max(size) > largest > THUMBNAIL:
                caption += f" (reduced from {size[0]} x {size[1]})"
            kind, (content, size) = "jpeg", reduced(source, largest)
    except (OSError, ValueError):
        return ""
    factor = max(1, (shown or 0) // max(size))
    data = base64.b64encode(content).decode()
    image = f'<img alt="{safe(caption)}" width="{factor * size[0]}" height="{factor * size[1]}" '
    return f'<figure>{image}src="data:image/{kind};base64,{data}"><figcaption>{safe(caption)}</figcaption></figure>'


def reduced(source: Path | Image.Image, largest: int) -> tuple[bytes, tuple[int, int]]:
    """An image as a JPEG, at most `largest` pixels on its longer side, and its size."""
    image = open_image(source) if isinstance(source, Path) else source.convert("RGB")
    image.thumbnail((largest, largest), Image.Resampling.LANCZOS)  # coarse first: its reducing_gap is 2
    content = io.BytesIO()
    image.save(content, "JPEG", quality=90)
    return content.getvalue(), image.size
