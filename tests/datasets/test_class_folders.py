"""Which folders are splits and which are classes; what systems leave beside images; copies in two sets."""

import re
import shutil

import pytest
from test_image_folder import image_folder

from conftest import kaggle_folder
from dlcourse.datasets.sources import is_system_file
from mixed_images import drawing, image_classes, png_bytes, zip_of

IMAGE = png_bytes(drawing(0, 16, 16))


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


@pytest.mark.parametrize(
    ("folders", "expected", "told"),
    [
        (("train", "val"), [10, 6, 2], "train: 10 of train, dev: 6 of val, test: 2 of train"),
        (("Training", "TEST"), [8, 4, 6], "train: 8 of Training, dev: 4 of Training, test: 6 of TEST"),
        (("training_set", "test_set"), [8, 4, 6], "dev: 4 of training_set, test: 6 of test_set"),
        (
            ("train_data", "dev-set", "testing"),
            [12, 6, 6],
            "train: 12 of train_data, dev: 6 of dev-set, test: 6 of tes",
        ),
        (
            ("training", "validation", "test"),
            [12, 6, 6],
            "train: 12 of training, dev: 6 of validation, test: 6 of test",
        ),
        (("train", "valid"), [10, 6, 2], "dev: 6 of valid"),
        (("data/train", "data/Dev"), [10, 6, 2], "train: 10 of data/train, dev: 6 of data/Dev, test: 2 of data/train"),
        (("training_set/training_set", "test_set/test_set"), [8, 4, 6], "test: 6 of test_set/test_set"),  # Kaggle's zip
        (("seg_train/seg_train", "seg_test/seg_test"), [8, 4, 6], "test: 6 of seg_test/seg_test"),  # Intel's scenes
        (("images_train", "images-val"), [10, 6, 2], "dev: 6 of images-val"),
        (("train photos", "cats and dogs test"), [8, 4, 6], "train: 8 of train photos"),
        (("val",), [8, 2, 2], "train: 8 of val, dev: 2 of val, test: 2 of val"),
    ],
)
def test_folders_named_as_splits_are_splits(tmp_path, capsys, folders, expected, told):
    splits(tmp_path, **{name: 6 if index == 0 else 3 for index, name in enumerate(folders)})
    data = image_classes(tmp_path)
    assert data.classes == ["cats", "dogs"] and sizes(data) == expected
    assert told in capsys.readouterr().err
    assert not images(data.train) & images(data.dev) | images(data.train) & images(data.test)


def test_classes_are_told_apart_by_the_same_rule_for_stylegan(tmp_path, capsys):
    splits(tmp_path / "mine", train=2, val=1)
    zip_of(tmp_path, tmp_path / "a.zip")
    for root in (tmp_path / "mine", tmp_path / "a.zip"):
        data = image_folder(root, num_classes=2)
        assert data.class_names == ["cats", "dogs"] and data.labels.tolist() == [0, 0, 1, 1, 0, 1]
        assert "train, " in (said := capsys.readouterr().err) and "val are the classes" in said
    fill(tmp_path / "mine" / "other", 1)
    with pytest.raises(ValueError, match=r"1 images are in no such folder, such as other/000.png"):
        image_folder(tmp_path / "mine", num_classes=2)


def test_an_archive_is_read_as_the_folder_is(tmp_path):
    splits(tmp_path / "mine", train=6, val=3)
    zip_of(tmp_path / "mine", tmp_path / "a.zip")
    folder, archive = image_classes(tmp_path / "mine"), image_classes(tmp_path / "a.zip")
    assert images(folder.train) == images(archive.train) and images(folder.test) == images(archive.test)


def test_a_class_may_be_called_train_or_test(tmp_path):
    for name in ("train", "car"):
        fill(tmp_path / name, 6, 10 * len(name))
    assert image_classes(tmp_path).classes == ["car", "train"]
    shutil.move(tmp_path / "car", tmp_path / "test")
    assert image_classes(tmp_path).classes == ["test", "train"]
    assert image_folder(tmp_path, num_classes=2).class_names == ["test", "train"]


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (["holdout/cats", "holdout/dogs", "rest/cats", "rest/dogs"], "holdout, rest all have the same folders in them, "
         "cats, dogs: which are the classes[?] Put all .* as train/holdout and val/holdout"),
        (["a/a/cats", "a/a/dogs", "b/b/cats", "b/b/dogs"], "a, b all have the same folders in them, cats, dogs: which"),
        (["a/1/cats", "a/2/dogs", "b/3/cats", "b/4/dogs"], "a, b all have the same folders in them, cats, dogs: which"),
        (["seg_train/x/cats", "seg_train/x/dogs", "seg_pred/y"], "seg_train has folders .* beside seg_pred: which are"),
        (["a_train/cats", "a_train/dogs", "b_train/cats", "b_train/dogs"], "a_train, b_train are both for train; keep"),
        (["cats/train", "cats/val", "dogs/train", "dogs/val"], "cats, dogs all have the same folders .*, train, val"),
        (["train/cats", "train/dogs", "raw"], "train has folders in it, .* beside raw: which are the classes[?] Give"),
        (["val/cats", "val/dogs", "test/cats", "test/dogs"], "has test, val, but no folder of training images"),
        (["train/cats", "training/cats", "val/dogs"], "train, training are both for train; keep one"),
        (["train/cats", "train/dogs", "test"], "/test: needs a folder for each class, at least 2; it has 0"),
        (["train/cats", "train/dogs", "val/cats", "val/cows"], "train has the classes cats, dogs, but val has cats, c"),
        (["train/cats"], "/train: needs a folder for each class, at least 2; it has 1"),
    ],
)  # fmt: skip
def test_what_may_be_splits_or_classes_is_asked(tmp_path, folders, message):
    for index, folder in enumerate(folders):
        fill(tmp_path / folder, 3, 3 * index)
    with pytest.raises(ValueError, match=message):
        image_classes(tmp_path)
    if "same folders" in message or "which are" in message:
        with pytest.raises(ValueError, match=message):
            image_folder(tmp_path, num_classes=2)


def test_years_or_parts_within_classes_are_no_splits(tmp_path):
    for folder in ("cats/2019", "cats/2020", "dogs/2020", "dogs/images", "cows/images"):
        fill(tmp_path / folder, 4, len(folder) * 10)
    assert image_classes(tmp_path).classes == ["cats", "cows", "dogs"]
    shutil.rmtree(tmp_path / "cats")
    shutil.rmtree(tmp_path / "dogs" / "2020")
    assert image_classes(tmp_path).classes == ["cows", "dogs"]  # each has its images in `images`


def test_a_class_whose_name_ends_like_a_splits_is_a_class(tmp_path):
    for folder in ("crash_test", "train station/images", "dev-board/images"):
        fill(tmp_path / folder, 4, len(folder) * 10)
    assert image_classes(tmp_path).classes == ["crash_test", "dev-board", "train station"]


def test_unlabelled_images_beside_longer_named_splits_are_named(tmp_path, capsys):
    splits(tmp_path, **{"seg_train/seg_train": 6, "seg_test/seg_test": 3})
    fill(tmp_path / "seg_pred" / "seg_pred", 2, 100)
    data = image_classes(tmp_path)
    assert data.classes == ["cats", "dogs"] and sizes(data) == [8, 4, 6]
    assert "seg_pred/seg_pred/101.png: in no class's folder" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "seg_pred")
    assert image_folder(tmp_path, num_classes=2).class_names == ["cats", "dogs"]


def test_folders_beside_splits_are_named(tmp_path, capsys):
    splits(tmp_path, training_set=6, test_set=3)
    fill(tmp_path / "single_prediction", 2, 100)
    fill(tmp_path, 1, 200)
    assert sizes(image_classes(tmp_path)) == [8, 4, 6]
    said = capsys.readouterr().err
    assert "skipped 3 files" in said and "single_prediction/101.png: in no class's folder" in said
    assert "  200.png: in no class's folder" in said


SYSTEM = [".ipynb_checkpoints", ".Trash-1000", "@eaDir", "__MACOSX", ".AppleDouble", "$RECYCLE.BIN", "lost+found"]
SYSTEM += ["System Volume Information", "#recycle", ".git"]


def test_what_systems_keep_beside_images_is_never_read(tmp_path, capsys):
    for name in ("cats", "dogs"):
        fill(tmp_path / "mine" / name, 6, 10 * ord(name[0]))
        for folder in ("mine", f"mine/{name}"):
            for system in SYSTEM:
                (tmp_path / folder / system / name / "deep").mkdir(parents=True)
                (tmp_path / folder / system / name / "deep" / "a.png").write_bytes(IMAGE)
        for file in ("._000.png", ".hidden.png", "Thumbs.db", "thumbs.db", ".DS_Store", "desktop.ini"):
            (tmp_path / "mine" / name / file).write_bytes(b"x")
    zip_of(tmp_path / "mine", tmp_path / "a.zip")
    for root in (tmp_path / "mine", tmp_path / "a.zip"):
        data = image_classes(root)
        assert data.classes == ["cats", "dogs"] and sum(sizes(data)) == 12
        assert len(image_folder(root, num_classes=2).images) == 12
    assert re.fullmatch(r"(.*: images for train: .* pixels\n.*: few images: .*\n){2}", capsys.readouterr().err)


@pytest.mark.parametrize(
    "name", ["recycled/a.png", "@home/a.png", "#1/a.png", "$5.jpg", "a.b/c.png", "...", "tmp/a.png"]
)
def test_names_that_only_look_like_a_systems_are_kept(name):
    assert not is_system_file(name)


def test_links_that_leave_are_skipped_for_the_classifier_too(tmp_path, capsys):
    fill(tmp_path / "secret", 6, 50)
    for name in ("cats", "dogs"):
        fill(tmp_path / "mine" / name, 6, 10 * ord(name[0]))
    (tmp_path / "mine" / "cats" / "out.png").symlink_to(tmp_path / "secret" / "050.png")
    (tmp_path / "mine" / "birds").symlink_to(tmp_path / "secret")
    (tmp_path / "link").symlink_to(tmp_path / "mine")
    for root in (tmp_path / "mine", tmp_path / "link"):
        data = image_classes(root)
        assert data.classes == ["cats", "dogs"] and sum(sizes(data)) == 12
        said = capsys.readouterr().err
        assert "  cats/out.png: a link that leaves the folder" in said
        assert "  birds: a link that leaves the folder" in said
    shutil.rmtree(tmp_path / "mine" / "dogs")
    with pytest.raises(ValueError, match="at least 2; it has 1; birds: a link that leaves the folder"):
        image_classes(tmp_path / "mine")


def test_folders_that_cannot_be_read_or_lie_too_deep_are_named(tmp_path):
    fill(tmp_path, 1)
    fill(tmp_path.joinpath(*"d" * 101), 1)
    data = image_folder(tmp_path)
    assert data.decoded.names == ["000.png"]
    ((name, reason),) = data.decoded.skipped.items()
    assert name == "/".join("d" * 100) and reason == "has folders in it, beyond 100 within each other"
    data.source.note_unreadable(PermissionError(13, "Permission denied", str(tmp_path / "closed")))
    assert data.source.refused["closed"] == "a folder that cannot be read (Permission denied)"


def test_a_folder_of_too_many_files_is_refused(tmp_path, monkeypatch):
    fill(tmp_path, 3)
    monkeypatch.setattr("dlcourse.datasets.sources.MAX_FILES", 2)
    with pytest.raises(ValueError, match="has more than 2 files"):
        image_folder(tmp_path)


def test_small_classes_are_named(tmp_path):
    fill(tmp_path / "cats", 6, 0)
    fill(tmp_path / "dogs", 1, 50)
    with pytest.raises(ValueError, match="class dogs has 1 sample; at least 2 are needed"):
        image_classes(tmp_path)
    shutil.copy(tmp_path / "dogs" / "050.png", tmp_path / "dogs" / "copy.png")
    with pytest.raises(ValueError, match="class dogs has 1 sample that differs; at least 2 are needed"):
        image_classes(tmp_path)


def test_kaggles_own_layout_still_works_with_a_link_as_root(tmp_path):
    kaggle_folder(tmp_path / "real", num_train=12, num_test=5)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert sizes(image_classes(tmp_path / "link")) == [18, 6, 10]


def test_more_folders_than_there_may_be_classes_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("dlcourse.classifier.data.image_classes.MAX_CLASSES", 2)
    for name in "abc":
        fill(tmp_path / name, 1)
    with pytest.raises(ValueError, match="has 3 folders of classes; at most 2"):
        image_classes(tmp_path)


def test_what_few_images_are_worth_is_told_with_how_they_become_squares(tmp_path, capsys):
    for name in ("cats", "dogs"):
        fill(tmp_path / "mine" / name, 18, 20 * ord(name[0]))
    data = image_classes(tmp_path / "mine")
    assert sizes(data) == [20, 8, 8]
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("mine: images for train: 20, dev: 8, test: 8; of each the central square, as 8 x 8 pixels")
    assert second.endswith(
        "mine: few images: 1 of 8 images is 12 % of dev/accuracy; "
        "add images, or take the mean over several splits (-m seed=0,1,2,3,4)"
    )
    for name in ("cats", "dogs"):
        fill(tmp_path / "many" / name, 80, 100 * ord(name[0]))
    assert sizes(image_classes(tmp_path / "many"))[1] == 32
    assert "few images" not in capsys.readouterr().err
