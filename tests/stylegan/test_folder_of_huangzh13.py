"""A folder of huangzh13's files stands for its newest networks."""

import shutil

import pytest

from conftest import ROOT
from dlcourse.errors import UserError
from dlcourse.stylegan.interop.files import load_files
from dlcourse.stylegan.interop.locate import files_of

NAMES = ("GEN_SHADOW_3_8", "GEN_3_8", "DIS_3_8", "GEN_SHADOW_2_16", "GEN_3_7", "GEN_OPTIM_3_8", "DIS_3_9")


def test_the_last_depth_and_epoch_is_taken_and_named(tmp_path, capsys):
    for name in NAMES:
        (tmp_path / f"GAN_{name}.pth").touch()
    taken = ["GAN_GEN_SHADOW_3_8.pth", "GAN_GEN_3_8.pth", "GAN_DIS_3_8.pth"]
    assert [path.name for path in files_of(tmp_path)] == taken
    assert capsys.readouterr().err == f"{tmp_path}: {', '.join(taken)}\n"
    assert [path.name for path in files_of(tmp_path, only_to_draw=True)] == taken[:2]
    assert files_of(tmp_path / taken[0]) == [tmp_path / taken[0]]


def test_its_networks_are_those_of_the_files(tmp_path):
    for role in ("GEN_SHADOW", "DIS"):
        shutil.copy(ROOT / "tests" / "data" / f"GAN_{role}_3_8.pth", tmp_path)
    assert set(load_files(files_of(tmp_path)).networks()) == {"generator_ema", "discriminator"}


def test_another_folder_is_no_checkpoint(tmp_path):
    (tmp_path / "GAN_DIS_3_8.pth").touch()
    with pytest.raises(UserError, match="not a run with a checkpoint"):
        files_of(tmp_path)
