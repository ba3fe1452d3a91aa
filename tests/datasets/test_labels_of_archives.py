"""Labels of an archive's dataset.json, and files that have none."""

import shutil
import zipfile

import pytest
from test_image_folder import image_folder

from mixed_images import drawing, nvidia_zip, zip_of


def fill(folder, count, start=0):
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(start, start + count):
        drawing(index, 16, 16).save(folder / f"{index:03}.png")


def images(arrays):
    return {image.numpy().tobytes() for image in arrays[0]}


def test_labels_in_a_folder_of_the_archive_count_from_there(tmp_path):
    nvidia_zip(tmp_path / "flat.zip", [2, 0, 0, 2, 1, 2])
    shutil.unpack_archive(tmp_path / "flat.zip", tmp_path / "folder" / "ffhq")
    zip_of(tmp_path / "folder", tmp_path / "a.zip")
    for root in (tmp_path / "a.zip", tmp_path / "folder"):
        data = image_folder(root, num_classes=3)
        assert data.labels.tolist() == [2, 0, 0, 2, 1, 2] and data.class_names == ["0", "1", "2"]
    shutil.copytree(tmp_path / "folder" / "ffhq", tmp_path / "folder" / "again")
    with pytest.raises(
        ValueError, match=r"has 2 files of labels \(again/dataset.json, ffhq/dataset.json\); give as root"
    ):
        image_folder(tmp_path / "folder", num_classes=3)
    assert len(image_folder(tmp_path / "folder").images) == 12


def test_a_broken_file_without_a_class_is_skipped_as_without_labels(tmp_path, capsys):
    for name in ("cats", "dogs"):
        fill(tmp_path / "mine" / name, 2, 10 * ord(name[0]))
    (tmp_path / "mine" / "broken.png").write_bytes(b"no image")
    drawing(0, 4, 4).save(tmp_path / "mine" / "tiny.png")
    shutil.copytree(tmp_path / "mine", tmp_path / "above" / "mine")
    shutil.move(tmp_path / "above" / "mine" / "broken.png", tmp_path / "above" / "broken.png")
    for root in (tmp_path / "mine", tmp_path / "above"):
        assert image_folder(root, num_classes=2).labels.tolist() == [0, 0, 1, 1]
        said = capsys.readouterr().err
        assert "broken.png: not an image that can be read" in said and "tiny.png: too small" in said
        assert len(image_folder(root).images) == 4
        assert capsys.readouterr().err == said
    nvidia_zip(tmp_path / "a.zip", [0, 1])
    with zipfile.ZipFile(tmp_path / "a.zip", "a") as archive:
        archive.writestr("00000/broken.png", b"no image")
    assert image_folder(tmp_path / "a.zip", num_classes=2).labels.tolist() == [0, 1]
    with zipfile.ZipFile(tmp_path / "b.zip", "w") as archive:
        archive.writestr("00000/broken.png", b"no image")
    with pytest.raises(ValueError, match="num_classes=2, but|1 images are in no such folder|none of its 1 images"):
        image_folder(tmp_path / "b.zip", num_classes=2)


def test_an_encrypted_file_of_labels_is_not_passed_over(tmp_path):
    nvidia_zip(tmp_path / "a.zip", [0, 1, 0, 1])
    content = bytearray((tmp_path / "a.zip").read_bytes())
    content[content.rindex(b"PK\1\2", 0, content.rindex(b"dataset.json")) + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(ValueError, match=r"its dataset.json must hold .*\(ValueError: encrypted\)"):
        image_folder(tmp_path / "a.zip", num_classes=2)


def test_labels_beyond_what_the_images_need_are_refused(tmp_path):
    for text, message in (
        (b'{"labels": [' + b"[]," * 900_000 + b"[]]}", "lists more than 200001 labels; there are 1 images"),
        (b" " * 21_000_000, "has 21000000 bytes; at most 20000100 for 1 images"),
    ):
        with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.png", b"")
            archive.writestr("dataset.json", text)
        with pytest.raises(ValueError, match=message):
            image_folder(tmp_path / "a.zip", num_classes=2)
