import os
import pickle

import pytest
import torch

from conftest import assert_same
from dlcourse.datasets.batches import BatchStream
from dlcourse.engine import checkpoint, run_folder
from dlcourse.engine.checkpoint import Checkpoint
from dlcourse.engine.rebuild import check_weights
from dlcourse.errors import UserError

STATE = {"model": {"weight": torch.arange(3.0)}, "stream": {"samples_seen": 5}}
CONFIG = {"model": {"width": 3, "init": "he"}, "optimizer": {"lr": 0.1}}


def save(path, step=7):
    path.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.save_checkpoint(path, step, CONFIG, STATE)
    return path


def test_round_trip_is_exact_and_leaves_no_temporary_file(tmp_path):
    path = save(tmp_path / "a.pt")
    assert_same(vars(Checkpoint.load(path)), {"path": path, "step": 7, "config": CONFIG, "state": STATE})
    assert os.listdir(tmp_path) == ["a.pt"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = save(tmp_path / "a.pt")
    with pytest.raises((AttributeError, pickle.PicklingError)):
        checkpoint.save_checkpoint(path, 8, CONFIG, {"bad": lambda: None})
    assert Checkpoint.load(path).step == 7
    assert os.listdir(tmp_path) == ["a.pt"]


class Trap:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (os.system, (f"touch {self.path}",))


def test_a_file_that_wants_to_run_code_is_refused_and_runs_nothing(tmp_path):
    torch.save(Trap(tmp_path / "ran"), tmp_path / "evil.pt")
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Trap(tmp_path / "ran")))
    for name in ("evil.pt", "evil.pkl"):
        with pytest.raises(UserError, match=f"{name}: not a whole checkpoint"):
            Checkpoint.load(tmp_path / name)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_cut_short_is_refused(tmp_path, share):
    path = save(tmp_path / "a.pt")
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match="not a whole checkpoint of dlcourse"):
        Checkpoint.load(path)


def test_a_foreign_torch_file_is_refused(tmp_path):
    torch.save({"state_dict": {}}, tmp_path / "other.pt")
    with pytest.raises(UserError, match="its entries are not"):
        Checkpoint.load(tmp_path / "other.pt")
    with pytest.raises(UserError, match="no such checkpoint"):
        Checkpoint.load(tmp_path / "missing.pt")


def test_the_newest_is_found_by_number_and_the_oldest_go(tmp_path):
    for step in (2, 10, 9):
        save(run_folder.path_for(tmp_path, step), step)
    (tmp_path / "checkpoints" / "step_notes.pt").write_text("mine")
    assert run_folder.newest(tmp_path).name == "step_0000010.pt"
    run_folder.prune(tmp_path, keep=2)
    assert [path.name for path in run_folder.all_of(tmp_path)] == ["step_0000009.pt", "step_0000010.pt"]
    assert (tmp_path / "checkpoints" / "step_notes.pt").exists()


def test_a_folder_that_is_no_run_is_named(tmp_path):
    with pytest.raises(UserError, match="not a run with a checkpoint"):
        run_folder.newest(tmp_path)
    with pytest.raises(UserError, match="no such run folder"):
        run_folder.newest(tmp_path / "nope")


def test_another_model_is_refused_with_both_values(tmp_path):
    other = {"model": {"width": 4, "init": "he", "norm": True}, "optimizer": {"lr": 0.2}}
    saved = Checkpoint(tmp_path, 7, CONFIG, STATE)
    with pytest.raises(UserError, match=r"model\.norm is None there, True here; model\.width is 3 there, 4 here"):
        saved.check_same_model(other)
    saved.check_same_model(CONFIG | {"optimizer": {"lr": 9}})
    follows = lambda size, seed: {"model": {"net": {"size": size}}, "dataset": {"seed": seed, "size": size}}
    with pytest.raises(UserError, match=r"another model: dataset\.size is 0 there, 2 here; a resumed run keeps"):
        Checkpoint(tmp_path, 7, follows(0, 0), STATE).check_same_model(follows(2, 2))


def test_a_state_that_does_not_fit_is_named(tmp_path):
    saved = Checkpoint(tmp_path, 7, CONFIG, {"model": {"weight": torch.zeros(3, 3)}})
    with pytest.raises(UserError, match="its model does not fit"):
        saved.restore({"model": torch.nn.Linear(2, 3)})
    with pytest.raises(UserError, match="it has no generator"):
        saved.restore({"generator": torch.nn.Linear(2, 3)})


@pytest.mark.parametrize("forged", [{"samples_seen": "many"}, {"samples_seen": None}, {}, "x"], ids=str)
def test_a_counter_that_is_no_number_is_named(forged, tmp_path):
    batches = BatchStream((torch.zeros(8),), 4, seed=0)
    saved = Checkpoint(tmp_path / "a.pt", 1, {}, {"batches": forged})
    with pytest.raises(UserError, match="its batches does not fit"):
        saved.restore({"batches": batches})
    assert batches.state_dict() == {"samples_seen": 0}


@pytest.mark.parametrize("kind", [torch.complex64, torch.bool, torch.int64])
def test_weights_of_another_kind_of_number_are_refused(kind, tmp_path):
    """`load_state_dict` would copy them, with a warning at most."""
    layer = torch.nn.Linear(2, 1)
    forged = {name: torch.ones_like(value, dtype=kind) for name, value in layer.state_dict().items()}
    with pytest.raises(UserError, match=f"weight holds {kind}, where torch.float32 fits"):
        check_weights(layer, forged, "its model")
    with pytest.raises(UserError, match=f"weight must hold torch.float32, got {kind}"):
        Checkpoint(tmp_path / "a.pt", 1, {}, {"model": forged}).restore({"model": layer})


def test_weights_in_half_precision_fit(tmp_path):
    layer = torch.nn.Linear(2, 1)
    half = {name: value.half() for name, value in layer.state_dict().items()}
    check_weights(layer, half, "its model")
    Checkpoint(tmp_path / "a.pt", 1, {}, {"model": half}).restore({"model": layer})
