"""Copies of one image never lie in two sets."""

import shutil

import numpy as np
import pytest
from PIL import Image

from mixed_images import drawing, image_classes


def fill(folder, count, start=0):
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(start, start + count):
        drawing(index, 16, 16).save(folder / f"{index:03}.png")


def splits(root, **counts):
    """Images of cats and dogs in a folder for each split, all of them different."""
    start = 0
    for split, count in counts.items():
        for name in ("cats", "dogs"):
            fill(root / split / name, count, start)
            start += count


def sizes(data):
    return [len(labels) for _, labels in (data.train, data.dev, data.test)]


def images(arrays):
    return {image.numpy().tobytes() for image in arrays[0]}


def test_copies_stay_in_one_set(tmp_path, capsys):
    for name in ("cats", "dogs"):
        fill(tmp_path / name, 8, 10 * ord(name[0]))
        for path in sorted((tmp_path / name).iterdir()):
            shutil.copy(path, path.with_name(f"{path.stem} (1).png"))
            Image.open(path).save(path.with_name(f"{path.stem}.bmp"))  # the same pixels in another format
    for seed in range(4):
        data = image_classes(tmp_path, seed=seed)
        sets = [images(arrays) for arrays in (data.train, data.dev, data.test)]
        assert sum(sizes(data)) == 48 and sum(map(len, sets)) == 16 == len(set.union(*sets))
    said = capsys.readouterr().err
    assert "32 images are copies of others and go into the same set" in said
    assert "  cats/990.png: equals cats/990 (1).png" in said and "and 12 others" in said


def test_an_image_in_two_classes_is_named_and_stays_in_one_set(tmp_path, capsys):
    for name in ("cats", "dogs"):
        fill(tmp_path / name, 8, 10 * ord(name[0]))
    shutil.copy(tmp_path / "cats" / "992.png", tmp_path / "dogs" / "again.png")
    for seed in range(4):
        data = image_classes(tmp_path, seed=seed)
        sets = [images(arrays) for arrays in (data.train, data.dev, data.test)]
        assert sum(sizes(data)) == 17 and sum(map(len, sets)) == 16
    said = capsys.readouterr().err
    assert (
        "1 images are of two classes; remove the wrong ones" in said and "dogs/again.png: equals cats/992.png" in said
    )


def test_copies_of_what_is_measured_are_left_out_of_training(tmp_path, capsys):
    splits(tmp_path, train=6, val=4, test=4)
    shutil.copy(next((tmp_path / "test" / "dogs").iterdir()), tmp_path / "train" / "cats" / "leak.png")
    shutil.copy(next((tmp_path / "val" / "dogs").iterdir()), tmp_path / "train" / "dogs" / "leak.png")
    shutil.copy(next((tmp_path / "test" / "cats").iterdir()), tmp_path / "val" / "cats" / "leak.png")
    data = image_classes(tmp_path)
    assert sizes(data) == [12, 8, 8]
    said = capsys.readouterr().err
    assert "skipped 3 files" in said and said.count("left out here") == 3
    assert "  train/cats/leak.png: a copy of test/dogs/" in said
    shutil.rmtree(tmp_path / "train" / "cats")
    shutil.copytree(tmp_path / "test" / "cats", tmp_path / "train" / "cats")
    with pytest.raises(ValueError, match="all images of class cats for train are copies of others that are for dev or"):
        image_classes(tmp_path)


def test_the_split_without_copies_is_the_same_as_ever():
    """Of equal images none is lost, and where there are none the choice is that of the indices alone."""
    from dlcourse.classifier.data.labelled import first_equals, stratified_split

    rng = np.random.default_rng(0)
    import torch

    inputs, labels = torch.from_numpy(rng.integers(0, 255, (60, 3))), torch.arange(60) % 3
    plain = stratified_split(labels, 0.3, 5)
    same = stratified_split(labels, 0.3, 5, equals=first_equals(inputs))
    assert all(torch.equal(one, other) for one, other in zip(plain, same, strict=True))
