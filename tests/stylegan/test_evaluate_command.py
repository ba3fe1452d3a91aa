"""scripts/evaluate.py: what it prints, writes and refuses."""

import json

import pytest
import torch

from conftest import IMAGES, SMALL_GAN, compose, run_script
from dlcourse.engine import checkpoint, run_folder
from dlcourse.files import torch_file
from dlcourse.stylegan.metrics.disentanglement import SCALES

MODEL = {
    "_target_": "dlcourse.stylegan.networks.generator.Generator",
    "resolution": 16,
    "z_dim": 8,
    "w_dim": 8,
    "channel_base": 64,
    "channel_max": 8,
    "num_classes": 0,
}


DATASET = {
    "_target_": "dlcourse.datasets.faces.dataset.Faces",
    "resolution": 16,
    "num_images": 40,
    "seed": 0,
    "label": "glasses",
    "num_classes": 0,
    "texture": 0.0,
}


CATS = ["dataset=image_folder", f"dataset.root={IMAGES}", "dataset.min_size=8", "dataset.cache=null"]


FEW = ["num_images=16", "num_paths=3", "num_pairs=3"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    from dlcourse.engine.build import build

    folder = tmp_path_factory.mktemp("evaluate")
    torch.manual_seed(3)
    state = {"generator_ema": build(MODEL).state_dict()}
    (folder / "run" / "checkpoints").mkdir(parents=True)
    (folder / "run" / "config.yaml").touch()  # as in every run
    config = {"model": {"generator": MODEL}, "dataset": DATASET}
    checkpoint.save_checkpoint(run_folder.path_for(folder / "run", 7), 7, config, state)
    checkpoint.save_checkpoint(folder / "bare.pt", 7, {"model": {"generator": MODEL}}, state)
    cats = compose("experiment=stylegan_faces", *CATS, "dataset.resolution=16")["dataset"]
    checkpoint.save_checkpoint(folder / "cats.pt", 7, config | {"dataset": cats}, state)
    return folder


@pytest.mark.long
def test_the_command_prints_the_table_and_writes_the_record(folder):
    done = run_script("evaluate.py", "checkpoint=run", *FEW, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "real against real" in done.stdout and "faces_fd" in done.stdout and "fid" not in done.stdout
    home = folder / "run" / "evaluation" / "step_0000007"
    assert done.stdout.split()[-2:] == [
        str(path.relative_to(folder)) for path in (home / "metrics.json", home / "styles.png")
    ]
    found = json.loads((home / "metrics.json").read_text())
    assert found["metrics"]["metrics/faces_fd"].keys() == {"value", "real_against_real", "untrained"}
    assert found["styles"]["moved"].keys() == SCALES.keys()
    assert list(home.glob("events.*")) and list((folder / "runs" / "real_features").glob("faces_*.pt"))
    again = run_script("evaluate.py", "checkpoint=run", *FEW, "output=there", "metrics=[fd]", cwd=folder)
    assert again.returncode == 0, again.stderr
    values = json.loads((folder / "there" / "metrics.json").read_text())["metrics"]
    assert values == {"metrics/faces_fd": found["metrics"]["metrics/faces_fd"]}
    sweep = ["-m", "truncation_psi=1.0,0.5", "metrics=[ppl]", "output=swept/"]
    assert run_script("evaluate.py", "checkpoint=run", *FEW, *sweep, cwd=folder).returncode == 0
    measured = [json.loads((folder / name / "metrics.json").read_text()) for name in ("swept", "swept_2")]
    assert [one["evaluation"]["truncation_psi"] for one in measured] == [1.0, 0.5]


def test_without_a_checkpoint_the_bundled_faces_are_measured(tmp_path):
    few = ["num_images=30", "metrics=[fd]", "dataset=faces", "dataset.num_images=40"]
    done = run_script("evaluate.py", *few, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "stylegan_faces.pt, psi 1; features: faces; 20 images, half of the data set" in done.stdout
    assert done.stdout.split()[-1] == "evaluation/stylegan_faces/metrics.json"


def test_in_the_folder_of_a_run_it_is_said_that_others_are_drawn(tmp_path):
    (tmp_path / "composed.yaml").write_text("task:\n  _target_: dlcourse.stylegan.task.StyleGAN\n")
    done = run_script("sample.py", "seeds=0", cwd=tmp_path)
    assert done.stderr == "the bundled faces; checkpoint=. names the run in this folder\n"


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["checkpoint=nope"], ["nope: no such run folder"]),
        (["checkpoint=bare.pt"], ["bare.pt: does not say what it was trained on; give dataset=faces"]),
        (["checkpoint=run", "metrics=[fid]"], ["metrics must be some of"]),
        (
            ["checkpoint=run", "dataset=faces", "dataset.resolution=32"],
            ["error: dataset.resolution=32: the generator draws 16 pixels; set dataset.resolution=16\n"],
        ),
        (
            ["checkpoint=cats.pt", "dataset_cache=/dev/null/x"],
            ["error: dataset_cache=/dev/null/x: cannot be written ("],
        ),
        (["checkpoint=run", "+dataset.texture=7"], ["texture must be in [0, 1], got 7"]),
        (["checkpoint=run", "dataset=points"], ["error: dataset: Points is not a data set of images", "dataset=faces"]),
        (
            ["checkpoint=run", "dataset=faces", "dataset.num_images=1000000000000"],
            ["error: out of memory (", "less is needed with a smaller batch_size, or a smaller data set\n"],
        ),
        (
            ["checkpoint=run", "dataset=faces", "dataset.num_images=4000000000000000000"],
            ["error: out of memory (", "less is needed with a smaller batch_size, or a smaller data set\n"],
        ),
        (["checkpoint=run", "evaluation=nope"], ["evaluation=nope", "inception"]),
        (
            ["checkpoint=run", *CATS, "metrics=[styles]"],
            ["styles: not with faces features and this data set", "fd, kid"],
        ),
        (
            ["checkpoint=run", "evaluation.extractor.weights=bare.pt"],
            ["not a checkpoint of experiment=face_attributes"],
        ),
    ],
    ids=lambda value: " ".join(value)[:50],
)
def test_mistakes_are_told_in_a_line(arguments, words, folder):
    done = run_script("evaluate.py", *arguments, *FEW, cwd=folder)
    assert done.returncode == 1 and len(done.stderr.strip().splitlines()) == 1, done.stderr
    for word in words:
        assert word in done.stderr


def test_a_typed_resolution_may_be_the_right_one(folder):
    arguments = ["checkpoint=run", "dataset=faces", "dataset.resolution=16", "dataset.num_images=40", "output=same"]
    done = run_script("evaluate.py", *arguments, "metrics=[fd]", *FEW, cwd=folder)
    assert done.returncode == 0, done.stderr


@pytest.mark.long
@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (compose("dataset=points")["dataset"], "its dataset: Points is not a data set of images for a StyleGAN; give"),
        (
            {"_target_": "dlcourse.classifier.data.points.ThreeColors"},
            "its dataset: ThreeColors is not a data set of images",
        ),
        (DATASET | {"_partial_": True}, "its dataset: Faces is not a data set of images for a StyleGAN; give"),
        ("hello", "does not say what it was trained on; give dataset=faces, or dataset=image_folder dataset.root=FOL"),
        ({"a": 1}, "does not say what it was trained on; give dataset=faces"),
        ([1], "does not say what it was trained on; give dataset=faces"),
        (DATASET | {"num_images": 10**12}, "out of memory ("),
    ],
    ids=["points", "pattern", "partial", "text", "no target", "list", "huge"],
)
def test_a_checkpoint_that_names_no_data_set_of_images_is_told(dataset, message, folder, tmp_path):
    content = torch_file.load(folder / "bare.pt")
    content["config"]["dataset"] = dataset
    torch_file.save(content, tmp_path / "a.pt")
    done = run_script("evaluate.py", "checkpoint=a.pt", *FEW, cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith(f"error: {'' if message.startswith('out') else 'a.pt: '}{message}")


@pytest.mark.long
@pytest.mark.parametrize("command", ["evaluate.py", "sample.py", "train.py"])
def test_weights_that_are_no_numbers_are_refused_when_they_are_taken_over(command, folder):
    content = torch_file.load(folder / "bare.pt")
    content["state"]["generator_ema"]["synthesis.8x8.conv1.weight"][0, 0, 0, 0] = float("nan")
    content["state"]["generator_ema"]["w_avg"][3] = float("inf")
    torch_file.save(content, folder / "nan.pt")
    arguments = {
        "evaluate.py": ["checkpoint=nan.pt", "dataset=faces", "metrics=[ppl]", *FEW],
        "sample.py": ["checkpoint=nan.pt"],
        "train.py": ["experiment=stylegan_faces_tiny", "init_from=nan.pt", "run_dir=new", *SMALL_GAN],
    }
    done, key = run_script(command, *arguments[command], cwd=folder), "init_from=" if command == "train.py" else ""
    assert (done.returncode, done.stderr) == (
        1,
        f"error: {key}nan.pt: its generator_ema has weights that are not finite (w_avg, synthesis.8x8.conv1.weight): "
        "it is damaged or its training diverged\n",
    )
    assert not (folder / "new").exists()


def test_images_of_a_folder_have_distances_and_path_lengths(folder):
    arguments = ["checkpoint=bare.pt", *CATS, "output=cats"]
    done = run_script("evaluate.py", *arguments, *FEW, cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "faces_ppl_w_full" in done.stdout and "separability" not in done.stdout
