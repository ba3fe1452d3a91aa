"""What is said of a path at which there is nothing."""

import os

import pytest

from dlcourse.files.missing import MOST_NAMES, nothing_at


@pytest.fixture
def folder(tmp_path):
    for name in ("photos/Cat.JPG", "photos/dog.jpg", "styles/painting.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("photos/cat.jpg", "photos/Cat.JPG"),  # another case
        ("photos/dogs.jpg", "photos/dog.jpg"),
        ("photo/dog.jpg", "photos/dog.jpg"),  # the folder is misspelt
        ("photo/bird.jpg", "photos"),  # the folder is, and the file is not in the one that is meant
        ("styles/portrait.png", None),
        ("photos/dog.jpg/x", None),  # a file in a file
        ("photos", None),  # it is there, and lacks something else
        ("a\0b", None),
    ],
)
def test_a_similar_name_beside_it_is_suggested(typed, meant, folder, monkeypatch):
    monkeypatch.chdir(folder)
    hint = f"; did you mean {meant}?" if meant else ""
    assert nothing_at(typed) == f"no such file{hint}"
    assert nothing_at(folder / typed, "no such folder") == f"no such folder{hint.replace('mean ', f'mean {folder}/')}"


def test_a_folder_that_is_not_there_is_named(folder):
    assert nothing_at(folder / "fotos" / "dog.jpg") == f"no such file; there is no folder {folder / 'fotos'}"


def test_not_more_than_so_many_names_are_read(folder, monkeypatch):
    class Endless:
        read = 0
        name = property(lambda self: f"photo{self.read}")

        def __enter__(self):
            return self

        __exit__ = __iter__ = lambda self, *_: self

        def __next__(self):
            self.read += 1
            return self

    endless = Endless()
    monkeypatch.setattr(os, "scandir", lambda _: endless)
    assert nothing_at(folder / "photo.") == "no such file" and endless.read == MOST_NAMES + 1
