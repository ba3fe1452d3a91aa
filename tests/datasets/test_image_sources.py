"""Folders and archives that mean harm: refused by name, nothing written, nothing run, bounded memory."""

import os
import stat
import struct
import subprocess
import sys
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_image_folder import image_folder

from image_bytes import png
from mixed_images import drawing, nvidia_zip, png_bytes

IMAGE = png_bytes(drawing(0, 16, 16))


def archive_of(path, entries: dict):
    """A zip with these entries, beside one good image."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("good.png", IMAGE)
        for name, content in entries.items():
            archive.writestr(name, content)
    return path


def decoded(path, **changes) -> tuple[list[str], dict[str, str]]:
    data = image_folder(path, **changes)
    return data.decoded.names, data.decoded.skipped


@pytest.mark.parametrize(
    "name", ["../up.png", "/root.png", "a/../../up.png", "..\\up.png", "C:/up.png", "C:\\up.png", ".hidden/../../x.png"]
)
def test_names_that_lead_out_are_refused_and_nothing_is_written(tmp_path, name):
    (tmp_path / "in").mkdir()
    path = archive_of(tmp_path / "in" / "a.zip", {name: IMAGE})
    names, skipped = decoded(path)
    assert names == ["good.png"]
    assert skipped == {name.replace("\\", "/"): "a path that leaves the archive"}
    assert [file.name for file in tmp_path.rglob("*")] == ["in", "a.zip"]


def test_links_in_an_archive_are_refused(tmp_path):
    info = zipfile.ZipInfo("link.png")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    names, skipped = decoded(archive_of(tmp_path / "a.zip", {info: "/etc/passwd"}))
    assert names == ["good.png"] and skipped == {"link.png": "a symbolic link"}


def patched(path, name: str, offset: int, form: str, value: int, also_local: int | None = None):
    """Change a field of an entry in the archive's directory, and the same in the entry's own header."""
    content = bytearray(path.read_bytes())
    place = content.rindex(b"PK\1\2", 0, content.rindex(name.encode()))
    struct.pack_into(form, content, place + offset, value)
    if also_local is not None:
        place = content.rindex(b"PK\3\4", 0, content.index(name.encode()))
        struct.pack_into(form, content, place + also_local, value)
    path.write_bytes(content)
    return path


def test_encrypted_entries_and_strange_methods_are_refused(tmp_path):
    path = archive_of(tmp_path / "a.zip", {"secret.png": IMAGE, "strange.png": IMAGE})
    patched(path, "secret.png", 8, "<H", 1, 6)
    patched(path, "strange.png", 10, "<H", 93, 8)
    names, skipped = decoded(path)
    assert names == ["good.png"] and skipped["secret.png"] == "encrypted"
    assert skipped["strange.png"] == "packed by a method (93) other than storing and deflating"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        archive.writestr("a.png", IMAGE)
    with pytest.raises(ValueError, match=r"no images in it .*a.png: packed by a method \(12\)"):
        image_folder(path)


def test_absurd_sizes_are_refused(tmp_path):
    path = archive_of(tmp_path / "a.zip", {"big.png": IMAGE})
    patched(path, "big.png", 24, "<I", 2**32 - 2, 22)
    names, skipped = decoded(path)
    assert names == ["good.png"]
    assert skipped["big.png"] == "refused as too large (4294967294 bytes unpacked; at most 536870912)"


def test_images_of_absurd_sizes_are_refused_before_they_are_decoded(tmp_path):
    huge = png(100_000, 100_000, 8, 2, bytes(1000))
    names, skipped = decoded(archive_of(tmp_path / "a.zip", {"huge.png": huge}))
    assert names == ["good.png"] and skipped["huge.png"].startswith("refused as too large (")


BOMB = """
import resource, sys
from dlcourse.datasets.sources import open_source
source = open_source(sys.argv[1])
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    source.open("bomb.png")
except ValueError as error:
    print(error)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.long
def test_a_bomb_that_states_a_small_size_takes_no_memory(tmp_path):
    path = archive_of(tmp_path / "a.zip", {"bomb.png": bytes(2**29)})
    patched(path, "bomb.png", 24, "<I", 1000, 22)
    done = subprocess.run([sys.executable, "-c", BOMB, str(path)], capture_output=True, text=True, check=True)
    message, mebibytes = done.stdout.splitlines()
    assert "Bad CRC-32" in message and int(mebibytes) < 64


def test_a_name_that_comes_twice_counts_once(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a.png", IMAGE)
        archive.writestr("a.png", b"")
    names, skipped = decoded(tmp_path / "a.zip")
    assert names == ["a.png"] and skipped == {"a.png (again)": "another file has this name"}


def test_damaged_entries_are_skipped_by_name(tmp_path):
    path = archive_of(tmp_path / "a.zip", {"bad.png": IMAGE})
    content = bytearray(path.read_bytes())
    start = content.index(b"bad.png") + len("bad.png")
    content[start + 20 : start + 40] = bytes(20)
    path.write_bytes(content)
    names, skipped = decoded(path)
    assert names == ["good.png"] and skipped["bad.png"].startswith("cannot be unpacked (")


def test_links_that_leave_the_folder_are_refused_and_links_inside_are_followed(tmp_path):
    (tmp_path / "mine" / "deep").mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "s.png").write_bytes(IMAGE)
    (tmp_path / "mine" / "a.png").write_bytes(IMAGE)
    links = {
        "out.png": tmp_path / "secret" / "s.png",
        "folder_out": tmp_path / "secret",
        "nowhere.png": tmp_path / "mine" / "none.png",
        "circle.png": tmp_path / "mine" / "deep" / "circle.png",
        "round": tmp_path / "mine",
        "b.png": "a.png",
    }
    for name, target in links.items():
        (tmp_path / "mine" / "deep" / name).symlink_to("../a.png" if name == "b.png" else target)
    os.mkfifo(tmp_path / "mine" / "pipe.png")
    names, skipped = decoded(tmp_path / "mine")
    assert names == ["a.png", "deep/b.png"]
    assert skipped == {
        "deep/out.png": "a link that leaves the folder",
        "deep/folder_out": "a link that leaves the folder",
        "deep/nowhere.png": "No such file or directory",
        "deep/circle.png": "Too many levels of symbolic links",
        "deep/round": "a link to a folder, which is not followed",
        "pipe.png": "not a file",
    }
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    assert decoded(tmp_path / "link")[0] == names


def test_a_link_that_comes_later_is_not_followed_either(tmp_path):
    (tmp_path / "mine").mkdir()
    for name in ("a", "b"):
        (tmp_path / "mine" / f"{name}.png").write_bytes(IMAGE)
    (tmp_path / "secret.png").write_bytes(IMAGE)
    data = image_folder(tmp_path / "mine")
    (tmp_path / "mine" / "b.png").unlink()
    (tmp_path / "mine" / "b.png").symlink_to(tmp_path / "secret.png")
    assert data.decoded.names == ["a.png"] and data.decoded.skipped == {"b.png": "a link that leaves the folder"}
    (tmp_path / "mine" / "dataset.json").symlink_to(tmp_path / "secret.png")
    with pytest.raises(ValueError, match="a link that leaves the folder"):
        image_folder(tmp_path / "mine", num_classes=2)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no json", "its dataset.json must hold"),
        ("[]", "its dataset.json must hold"),
        ("{}", "its dataset.json must hold"),
        ('{"labels": [["a.png"]]}', "its dataset.json must hold"),
        ('{"labels": {"a.png": 3}}', "its dataset.json must hold"),
        ('{"labels": [[1, 2]]}', "its dataset.json must hold"),
        ("[" * 100_000, "its dataset.json must hold"),
        ("\xff\xfe", "its dataset.json must hold"),
        ('{"labels": [["good.png", [0.5, 0.5]]]}', r"a class in dataset.json must be a whole number >= 0, got \[0.5"),
        ('{"labels": [["good.png", -1]]}', "must be a whole number >= 0, got -1"),
        ('{"labels": [["good.png", null]]}', "must be a whole number >= 0, got None"),
        ('{"labels": [["good.png", true]]}', "must be a whole number >= 0, got True"),
        ('{"labels": [["other.png", 1]]}', "1 images have no label in dataset.json, such as good.png"),
        ('{"labels": [["good.png", 999999999999]]}', "are of 1000000000000 classes"),
        ('{"labels": null}', "has no labels; set dataset.num_classes=0"),
    ],
    ids=range(15),
)
def test_labels_of_another_form_are_refused(tmp_path, text, message):
    path = archive_of(tmp_path / "a.zip", {"dataset.json": text.encode("latin1")})
    with pytest.raises(ValueError, match=message):
        image_folder(path, num_classes=2)


def test_what_files_are_called_does_not_steer_the_terminal(tmp_path, capsys):
    image_folder(archive_of(tmp_path / "a.zip", {"\x1b[2Jevil\n.txt": ""})).decoded  # noqa: B018
    said = capsys.readouterr().err
    assert r"\x1b[2Jevil\n.txt: not the name of an image (.txt)" in said and "\x1b" not in said


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_damage_to_an_archive_is_more_than_a_line(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damage") / "a.zip"
    nvidia_zip(path, [0, 1, 0, 1])
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 20))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))] if data.draw(st.booleans()) else content)
    try:
        assert 1 <= len(image_folder(path, num_classes=2).images) <= 4
    except ValueError as error:
        assert "\n" not in str(error)
