"""Generators measured: what comes out, what is kept, what is refused."""

import copy

import pytest
import torch
from torch import nn

from conftest import IMAGES, ROOT
from dlcourse.datasets.faces.dataset import ATTRIBUTE_SCALE, Faces
from dlcourse.datasets.image_folder import ImageFolder
from dlcourse.engine import checkpoint
from dlcourse.errors import UserError
from dlcourse.stylegan.metrics import samples
from dlcourse.stylegan.metrics.evaluation import METRICS, OF_DISTRIBUTIONS, Evaluation, finite_metrics
from dlcourse.stylegan.metrics.extractors import Extractor, FaceFeatures, InceptionFeatures, Vgg19Features
from generators import small_generator

BUNDLED = ROOT / "checkpoints" / "face_attributes.pt"
OVERLAPS = {"fd", "precision", "recall", "coverage", "radius"}
OF_ATTRIBUTES = ("combinations", "largest_v")
SETTINGS = {
    "metrics": list(METRICS),
    "num_images": 24,
    "num_paths": 5,
    "num_pairs": 4,
    "truncation_psi": 1.0,
    "batch_size": 8,
    "seed": 0,
    "cache": None,
}


class Means(Extractor):
    """The mean colour: features that know no attributes."""

    tag = "means"

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, images):
        return self.scale * images.mean((2, 3))


@pytest.fixture(scope="module")
def extractor():
    return FaceFeatures(None)


def folder_of_images():
    return ImageFolder(str(IMAGES), 32, "crop", 1, [255, 255, 255], 0, cache=None)


@pytest.fixture
def faces():
    return Faces(resolution=32, num_images=60, seed=0, label="glasses", num_classes=0, texture=0)


def test_the_bundled_network_reads_faces_it_has_never_seen(extractor):
    faces = Faces(resolution=64, num_images=300, seed=7, label="glasses", num_classes=0, texture=1)
    prediction = extractor.attribute_network()(faces.images.float() / 255)
    for name, logits in prediction.logits.items():
        assert (logits.argmax(1) == faces.attributes[name]).float().mean() > 0.95, name
    for name, values in prediction.values.items():
        truth = faces.attributes[name]
        assert 1 - (values - truth).square().mean() / truth.var() > 0.8, name
    assert prediction.values.keys() | prediction.logits.keys() == ATTRIBUTE_SCALE.keys()
    assert BUNDLED.stat().st_size < 1.5e6 and checkpoint.Checkpoint.load(BUNDLED).state.keys() == {"model"}


@pytest.mark.long
def test_every_metric_is_measured_and_none_is_called_fid(extractor, faces):
    values = Evaluation(extractor, **SETTINGS)(small_generator(32), faces)
    names = {f"metrics/faces_{name}" for name in OVERLAPS | {"kid"}} | {"metrics/w_dimensions"}
    names |= {f"metrics/faces_{name}_two_latents" for name in OVERLAPS}
    names |= {f"metrics/{name}{end}" for name in OF_ATTRIBUTES for end in ("", "_two_latents")}
    names |= {f"metrics/faces_ppl_{space}_{place}" for space in "zw" for place in ("full", "ends")}
    names |= {f"metrics/{name}_{space}" for name in ("separability", "entropy_left") for space in "zw"}
    scales = ("coarse", "middle", "fine")
    names |= {f"styles/{style}_moves_{scale}" for style in scales for scale in scales}
    assert values.keys() == names
    assert all(isinstance(value, float) and value == value for value in values.values())


@pytest.mark.long
def test_the_batch_size_does_not_matter_and_nothing_is_left_behind(extractor, faces):
    generator = small_generator(32)
    before = {name: value.clone() for name, value in generator.state_dict().items()}
    first = Evaluation(extractor, **SETTINGS)(generator, faces)
    torch.manual_seed(99)  # a draw from the global generator would show
    second = Evaluation(extractor, **SETTINGS | {"batch_size": 5})(generator, faces)
    assert first == pytest.approx(second, rel=1e-3, abs=1e-4)
    assert all(torch.equal(before[name], value) for name, value in generator.state_dict().items())
    other = Evaluation(extractor, **SETTINGS | {"seed": 500, "metrics": ["fd"]})(generator, faces)
    assert other["metrics/faces_fd"] != first["metrics/faces_fd"]


@pytest.mark.long
def test_a_generator_with_classes_is_measured(extractor, faces):
    values = Evaluation(extractor, **SETTINGS)(small_generator(32, num_classes=3), faces)
    assert all(value == value for value in values.values())


def test_a_network_of_other_attributes_leaves_them_out(extractor, faces):
    other = copy.deepcopy(extractor)
    other.network.categorical = {"kind": 8}
    chosen = Evaluation(other, **SETTINGS | {"metrics": None}).chosen(faces)
    assert "diversity" in chosen and "styles" not in chosen
    values = Evaluation(other, **SETTINGS | {"metrics": ["diversity"]})(small_generator(32), faces)
    assert "metrics/w_dimensions" in values and "metrics/combinations" not in values


def test_path_lengths_are_free_of_rounding(faces, monkeypatch):
    evaluation = Evaluation(FaceFeatures(None), **SETTINGS | {"metrics": ["ppl"]})
    first = evaluation(small_generator(32), faces)
    monkeypatch.setattr("dlcourse.stylegan.metrics.disentanglement.EPSILON", 1e-6)  # in float32 up to a fifth too long
    assert evaluation(small_generator(32), faces) == pytest.approx(first, rel=0.03)


def test_the_level_of_detail_reaches_the_images(faces):
    settings = SETTINGS | {"metrics": ["fd", "ppl"]}
    whole, coarse = (Evaluation(Means(), **settings)(small_generator(32), faces, lod=lod) for lod in (0.0, 2.0))
    assert all(whole[tag] != coarse[tag] for tag in whole)


@pytest.mark.long
def test_reals_against_reals_are_closer_than_an_untrained_generator(extractor, faces):
    evaluation = Evaluation(extractor, **SETTINGS)
    reals = evaluation.between_reals(faces)
    fakes = evaluation(small_generator(32), faces)
    names = {f"metrics/faces_{name}" for name in OVERLAPS | {"kid"}}
    assert reals.keys() == names | {f"metrics/{name}" for name in OF_ATTRIBUTES}
    assert reals["metrics/faces_fd"] < fakes["metrics/faces_fd"] / 2


def test_features_of_reals_are_kept_and_known_again_by_everything_they_depend_on(tmp_path, faces, monkeypatch):
    def cached(dataset, extractor, **changes):
        arguments = {"count": 20, "seed": 0, "batch_size": 8, "cache": str(tmp_path / "kept")} | changes
        return samples.real_features(dataset, extractor, **arguments)

    first = cached(faces, Means())
    assert first.reference.shape == first.others.shape == (20, 3)
    (kept,) = (tmp_path / "kept").iterdir()
    assert kept.name.startswith("means_")
    fresh = Faces(resolution=32, num_images=60, seed=0, label="glasses", num_classes=0, texture=0)
    monkeypatch.setattr(samples, "features_in_halves", lambda *_: pytest.fail("features were computed again"))
    again = cached(fresh, Means(), batch_size=7)
    monkeypatch.undo()
    assert torch.equal(first.reference, again.reference)
    other = Means()
    other.scale.data += 1
    cached(Faces(resolution=32, num_images=60, seed=1, label="glasses", num_classes=0, texture=0), Means())
    cached(faces, Means(), count=21)
    cached(faces, other)
    assert len(list((tmp_path / "kept").iterdir())) == 4
    kept.write_bytes(b"broken")
    assert torch.equal(cached(faces, Means()).others, first.others)


def test_few_reals_are_divided_in_halves_and_too_few_refused():
    few = samples.real_features(Faces(8, 21, 0, label="glasses", num_classes=0, texture=0), Means(), 5000, 0, 8, None)
    assert len(few.reference) == len(few.others) == 10
    with pytest.raises(ValueError, match="at least 8 real images, got 7"):
        samples.real_features(Faces(8, 7, 0, label="glasses", num_classes=0, texture=0), Means(), 5000, 0, 8, None)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrics": ["fid"]}, "metrics must be some of fd, kid"),
        ({"metrics": []}, "metrics must be some of"),
        ({"num_images": 7}, "num_images must be at least 8, got 7"),
        ({"num_pairs": 0}, "num_pairs must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
    ],
)
def test_senseless_settings_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        Evaluation(Means(), **SETTINGS | change)


def test_attributes_of_other_images_or_by_other_features_are_refused(extractor, faces):
    with pytest.raises(UserError, match="separability,styles: not with means features"):
        Evaluation(Means(), **SETTINGS)(small_generator(32), faces)
    with pytest.raises(UserError, match="attributes are known of the procedural faces alone"):
        Evaluation(extractor, **SETTINGS)(small_generator(32), folder_of_images())
    with pytest.raises(UserError, match="32 pixels per side, the generator 16"):
        Evaluation(extractor, **SETTINGS)(small_generator(16), faces)


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_refuses_a_generator_whose_images_are_no_numbers(extractor, faces, metric):
    broken = small_generator(32)
    next(broken.synthesis.parameters()).data.fill_(float("nan"))
    with pytest.raises(UserError, match="no finite numbers"):
        Evaluation(extractor, **SETTINGS | {"metrics": [metric]})(broken, faces)


def test_values_that_are_no_numbers_are_named():
    with pytest.raises(UserError, match="^metrics/kid is nan: the weights of the generator, or of the features, are"):
        finite_metrics({"metrics/fd": 1.0, "metrics/kid": float("nan")})


def test_missing_and_foreign_weights_are_told(tmp_path, monkeypatch):
    checkpoint.save_checkpoint(tmp_path / "other.pt", 1, {"seed": 0}, {"model": {}})
    with pytest.raises(UserError, match=r"other.pt: not a checkpoint of experiment=face_attributes"):
        FaceFeatures(str(tmp_path / "other.pt"))
    with pytest.raises(ValueError, match="or take evaluation=faces"):
        Vgg19Features(str(tmp_path / "nowhere.pth"), "relu5_1")
    with pytest.raises(ValueError, match="layer must be one of"):
        Vgg19Features("orthogonal", "relu9_9")


def test_by_default_everything_possible_is_measured(extractor, faces):
    folder = folder_of_images()
    everything = SETTINGS | {"metrics": None}
    assert Evaluation(extractor, **everything).chosen(faces) == list(METRICS)
    assert Evaluation(extractor, **everything).chosen(folder) == [*OF_DISTRIBUTIONS, "diversity", "ppl"]
    assert Evaluation(Means(), **everything).chosen(faces) == [*OF_DISTRIBUTIONS, "diversity", "ppl"]
    stepped = Means()
    stepped.is_smooth = False
    assert Evaluation(stepped, **everything).chosen(faces) == [*OF_DISTRIBUTIONS, "diversity"]


def test_inception_says_which_file_belongs_where(tmp_path, monkeypatch):
    pytest.importorskip("torch_fidelity")
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(ValueError, match=r"put https://.*inception.*pth at .*hub/checkpoints"):
        InceptionFeatures(None)
    (tmp_path / "broken.pth").write_bytes(b"no weights")
    with pytest.raises(ValueError, match="not the weights of torch-fidelity's Inception"):
        InceptionFeatures(str(tmp_path / "broken.pth"))


@pytest.mark.long
def test_vgg_features_of_small_images(faces):
    values = Evaluation(Vgg19Features("orthogonal", "relu5_1"), **SETTINGS | {"metrics": ["fd"]})(
        small_generator(32), faces
    )
    assert values.keys() == {"metrics/vgg19_fd"}
