"""What people type: seeds without quotes, short keys, and the punctuation of other keyboards and programs."""

from pathlib import Path

import pytest

from dlcourse.cli import hydra_words, path_overrides, typography
from dlcourse.errors import UserError
from dlcourse.stylegan.sampling.seeds import parse_numbers


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def value_of(word, config_name="sample"):
    (prepared,) = hydra_words.prepared([word], config_name)
    override = path_overrides.PARSER.parse_override(prepared)
    return override.key_or_group, override.value()


@pytest.mark.parametrize(
    ("typed", "numbers"),
    [
        ("seeds=5", [5]),
        ("seed=5", [5]),
        ("seeds=1,2,3", [1, 2, 3]),
        ("seeds=[1,2,3]", [1, 2, 3]),
        ("seeds=1-3,7", [1, 2, 3, 7]),
        ("seeds=0..3", [0, 1, 2, 3]),
        ("seeds=[0..2,7]", [0, 1, 2, 7]),
        ("seeds=0..2,7-8", [0, 1, 2, 7, 8]),
        ("seeds=0，1", [0, 1]),
        ("seeds＝０－３，７", [0, 1, 2, 3, 7]),
        ("seeds=［0、1］", [0, 1]),
        ("seeds=0–3", [0, 1, 2, 3]),  # noqa: RUF001
        ("seeds=“0-3”", [0, 1, 2, 3]),
    ],
)
def test_seeds_are_typed_without_quotes(typed, numbers):
    key, value = value_of(typed)
    assert key == "seeds" and parse_numbers(value) == numbers


def test_with_m_a_comma_separates_the_runs_of_a_sweep():
    (word,) = (word for word in hydra_words.prepared(["-m", "seeds=0-3,7"], "sample") if word != "-m")
    assert list(path_overrides.PARSER.parse_override(word).sweep_string_iterator()) == ["0-3", "7"]


def test_short_keys_are_those_of_a_command():
    assert value_of("psi=0.5") == value_of("truncation_psi=0.5") == ("truncation_psi", 0.5)
    assert value_of("psi=0.5", "evaluate") == ("truncation_psi", 0.5)
    assert value_of("seed=5", "evaluate") == ("seed", 5)
    assert value_of("seed=5", "train") == ("seed", 5)


@pytest.mark.parametrize(
    ("typed", "key", "value"),
    [
        ("optimizer.lr＝0.1", "optimizer.lr", 0.1),
        ("optimizer.lr=1e−3", "optimizer.lr", 1e-3),  # noqa: RUF001
        ("optimizer=“adam”", "optimizer", "adam"),
        ("model.hidden=【3，4】", "model.hidden", [3, 4]),
        ("content=“my photo.jpg”", "content", "my photo.jpg"),
        ("content＝图，片（1）.jpg", "content", "图，片（1）.jpg"),
        ("run_dir=runs/x＝y", "run_dir", "runs/x＝y"),
    ],
)
def test_other_punctuation_is_understood_in_keys_and_values_but_kept_in_paths(typed, key, value):
    assert value_of(typed, "train") == (key, value)


def test_the_name_of_an_existing_file_stays():
    Path("“a”").touch()
    assert value_of("content=“a”", "train") == ("content", "“a”")
    assert typography.plain_word('x="，"') == 'x="，"'


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        (["optimizer.lr="], "give one, or leave optimizer.lr out"),
        (["optimizer=", "seed=1"], "give one, or leave optimizer out"),
        (["seed=", "1"], "around the = belong no spaces, and what holds spaces belongs in quotes: 'key=a b'"),
        (["content=", "A.jpg"], "around the = belong no spaces, and what holds spaces belongs in quotes: 'key=a b'"),
    ],
)
def test_an_empty_value_is_blamed_on_its_own_key(words, cure):
    with pytest.raises(UserError) as error:
        hydra_words.prepared(words, "train")
    assert str(error.value) == f"{words[0]}: no value is given; {cure}"


def test_what_was_given_by_its_key_is_not_asked_for_again():
    words = hydra_words.prepared(["content=A.jpg", "B.jpg", "strength=1", "C.jpg"], "stylize")
    assert words == ["content=A.jpg", "style=B.jpg", "strength=1", "output=C.jpg"]


def test_a_file_whose_name_looks_like_a_key_and_its_value_is_a_word_unless_there_is_such_a_key():
    for name in ("a=b.pt", "seed=0", "psi=1"):
        Path(name).touch()
    assert value_of("a=b.pt") == ("checkpoint", "a=b.pt")
    assert hydra_words.prepared(["seed=0", "psi=1"], "sample") == ["seeds=0", "truncation_psi=1"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["content=“my", "photo.jpg”"], 'photo.jpg”: neither an option nor key=value; type " for “'),
        (["optimizer", "＝", "adam"], "optimizer: neither an option nor key=value; type = for ＝"),
        (["seed=1", "—help"], "—help: neither an option nor key=value; type - for —"),
    ],
)
def test_where_it_is_not_understood_one_line_names_the_sign_and_the_cure(words, message):
    with pytest.raises(UserError) as error:
        hydra_words.prepared(words, "train")
    assert str(error.value) == message
