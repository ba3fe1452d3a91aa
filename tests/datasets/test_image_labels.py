"""Classes of the user's own images, by NVIDIA's dataset.json or by folder."""

import shutil

import pytest
import torch
from test_image_folder import image_folder

from mixed_images import drawing, nvidia_zip


def test_nvidia_archives_have_labels_or_none(tmp_path):
    nvidia_zip(tmp_path / "a.zip", [2, 0, 0, 2, 1, 2])
    data = image_folder(tmp_path / "a.zip", num_classes=3)
    assert data.labels.tolist() == [2, 0, 0, 2, 1, 2] and data.class_names == ["0", "1", "2"]
    assert data.labels.dtype == torch.int64
    shutil.unpack_archive(tmp_path / "a.zip", tmp_path / "folder")
    folder = image_folder(tmp_path / "folder", num_classes=3)
    assert torch.equal(folder.labels, data.labels) and torch.equal(folder.images, data.images)
    nvidia_zip(tmp_path / "c.zip", [0, 3, 3])  # of classes 1 and 2 there are none
    assert image_folder(tmp_path / "c.zip", num_classes=4).labels.tolist() == [0, 3, 3]
    nvidia_zip(tmp_path / "b.zip", None)
    assert image_folder(tmp_path / "b.zip").labels is None
    with pytest.raises(ValueError, match=r"dataset.json has no labels; set dataset.num_classes=0"):
        image_folder(tmp_path / "b.zip", num_classes=2)


def test_folders_are_classes_below_what_all_share(tmp_path):
    for name in ("mine/cats/a", "mine/cats/deep/b", "mine/dogs/c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        drawing(0, 16, 16).save(tmp_path / f"{name}.png")
    data = image_folder(tmp_path, num_classes=2)
    assert data.class_names == ["cats", "dogs"] and data.labels.tolist() == [0, 0, 1]
    with pytest.raises(
        ValueError, match=r"num_classes=5, but .* 2 classes \(cats, dogs\); set dataset.num_classes=2, or 0"
    ):
        image_folder(tmp_path, num_classes=5)
    (tmp_path / "mine" / "dogs" / "c.png").write_bytes(b"")
    with pytest.raises(ValueError, match="class dogs has no image that can be used"):
        _ = image_folder(tmp_path, num_classes=2).labels
    drawing(0, 16, 16).save(tmp_path / "mine" / "loose.png")
    with pytest.raises(ValueError, match=r"1 images are in no such folder, such as mine/loose.png"):
        image_folder(tmp_path, num_classes=2)
