"""The demonstrations: closed forms, what each is meant to show, and the command that draws them."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from PIL import Image

from conftest import ROOT, run_script
from dlcourse.classifier import demonstrations
from dlcourse.classifier.demonstrations import (
    SUMMARIES,
    activation_functions,
    bias_variance,
    moving_averages,
    optimizer_paths,
    schedules,
    signal_propagation,
    softmax,
)
from dlcourse.classifier.networks import ACTIVATIONS
from dlcourse.cli import demonstrate
from dlcourse.engine.schedules import Schedule, WholeRun
from dlcourse.images.figures import save_figure

BETAS = pytest.mark.parametrize("beta", moving_averages.BETAS)


@BETAS
def test_a_bias_corrected_average_of_a_constant_is_the_constant(beta):
    constant = torch.full((100,), 21.5, dtype=torch.float64)
    corrected = moving_averages.bias_corrected(moving_averages.exponential_average(constant, beta), beta)
    torch.testing.assert_close(corrected, constant, rtol=1e-13, atol=0)


@BETAS
def test_exponential_weights_are_powers_of_beta_and_sum_to_one_minus_beta_to_the_i(beta):
    impulse = torch.zeros(60, dtype=torch.float64)
    impulse[0] = 1.0
    k = torch.arange(60, dtype=torch.float64)
    torch.testing.assert_close(moving_averages.exponential_average(impulse, beta), (1 - beta) * beta**k)
    sums = moving_averages.exponential_average(torch.ones(60, dtype=torch.float64), beta)
    torch.testing.assert_close(sums, 1 - beta ** (k + 1))


def test_a_windowed_mean_forgets_what_has_left_the_window():
    values = torch.tensor([1.0, 2.0, 6.0, 7.0, 11.0])
    assert moving_averages.windowed_mean(values, 3).tolist() == [1, 1.5, 3, 5, 8]
    assert moving_averages.windowed_mean(values, 1).tolist() == values.tolist()


@BETAS
def test_the_weight_of_the_oldest_day_of_the_window_is_about_one_over_e(beta):
    assert beta ** moving_averages.window_of(beta) == pytest.approx(1 / math.e, abs=0.12)


@BETAS
def test_bias_correction_mends_the_first_days(beta):
    season, measured = moving_averages.temperatures(10, seed=3)
    raw = moving_averages.exponential_average(measured, beta)
    corrected = moving_averages.bias_corrected(raw, beta)
    assert moving_averages.rmse(corrected, season) < moving_averages.rmse(raw, season)
    assert corrected[0] == pytest.approx(float(measured[0]))


def steps_of(landscape) -> dict[str, float]:
    paths = {name: optimizer_paths.path(landscape, make) for name, make in landscape.optimizers.items()}
    return {
        name: len(visited) - 1 if landscape.has_arrived(visited[-1]) else math.inf for name, visited in paths.items()
    }


def test_momentum_and_adam_beat_gradient_descent_down_the_bowl_and_rmsprop_circles():
    steps = steps_of(optimizer_paths.BOWL)
    assert steps["momentum"] < steps["Adam"] < steps["gradient descent"] < steps["RMSprop"] == math.inf


def test_gradient_descent_is_the_last_to_leave_the_saddle():
    steps = steps_of(optimizer_paths.SADDLE)
    assert steps["RMSprop"] < steps["Adam"] < steps["momentum"] < steps["gradient descent"] < math.inf


def test_gradient_descent_follows_its_closed_form():
    visited = optimizer_paths.path(optimizer_paths.SADDLE, optimizer_paths.SADDLE.optimizers["gradient descent"])
    k = torch.arange(len(visited), dtype=torch.float64)
    torch.testing.assert_close(visited, torch.stack([0.8**k, 1e-6 * 1.2**k], 1))  # lr 0.1: x *= 1 - 2 lr, y *= 1 + 2 lr
    assert len(visited) - 1 == math.ceil(math.log(1e6) / math.log(1.2))


def test_he_keeps_the_signal_and_a_hundredth_loses_it():
    spreads, gradients = signal_propagation.propagate("relu", "he", 0.0, seed=1)
    assert len(spreads) == len(gradients) == 20
    assert spreads.min() > 0.1 and spreads.max() < 10
    assert gradients.min() > 1e-4
    spreads, gradients = signal_propagation.propagate("relu", "normal", 0.01, seed=1)
    assert spreads[-1] < 1e-20 and gradients[0] < 1e-20
    ratios = spreads[1:] / spreads[:-1]  # one layer: 0.01 sqrt(100 / 2) of the root mean square
    assert ratios.log().mean().exp() == pytest.approx(0.01 * math.sqrt(50), rel=0.1)


def test_what_has_no_logarithm_is_a_gap_in_the_line():
    spreads, _ = signal_propagation.propagate("relu", "zeros", 0.0, seed=0)
    assert spreads.tolist() == [0.0] * 20
    assert signal_propagation.drawable_on_log_axis(spreads).isnan().all()
    mixed = signal_propagation.drawable_on_log_axis(torch.tensor([1.0, 0.0, math.inf, math.nan, 1e-30]))
    assert mixed.isnan().tolist() == [False, True, True, True, False]


def test_derivatives_are_those_of_the_textbook():
    z = torch.linspace(-3, 3, 61, dtype=torch.float64)
    s = z.sigmoid()
    expected = {
        "sigmoid": s * (1 - s),
        "tanh": 1 - z.tanh() ** 2,
        "relu": (z > 0).double(),
        "leaky_relu": torch.where(z > 0, 1.0, 0.01),
    }
    assert expected.keys() == ACTIVATIONS.keys()
    for name, slopes in expected.items():
        off_the_kink = z.abs() > 1e-9
        found = activation_functions.derivative(ACTIVATIONS[name](), z)
        torch.testing.assert_close(found[off_the_kink], slopes[off_the_kink].double())
    assert activation_functions.derivative(torch.nn.Sigmoid(), z).max() == pytest.approx(1 / 4)


def test_every_schedule_is_shown_and_the_plateau_is_met():
    shown = schedules.examples()
    kinds = {*Schedule.__subclasses__(), *WholeRun.__subclasses__()} - {WholeRun}
    assert {type(schedule) for schedule in shown.values()} == kinds
    factors = {name: schedules.factors(schedule) for name, schedule in shown.items()}
    assert all(len(values) == schedules.NUM_UPDATES and values.isfinite().all() for values in factors.values())
    assert factors["plateau"][400] == 1 and factors["plateau"][-1] < 0.5
    assert factors["one cycle"].max() == pytest.approx(1) and factors["one cycle"].argmax() == 300


def test_softmax_of_the_course_at_every_temperature():
    logits = torch.tensor(softmax.LOGITS, dtype=torch.float64)
    assert [round(value, 3) for value in softmax.softmax(logits, 1.0).tolist()] == [0.842, 0.042, 0.002, 0.114]
    assert softmax.softmax(logits, 1e-3).tolist() == [1, 0, 0, 0]
    torch.testing.assert_close(softmax.softmax(logits, 1e6), torch.full_like(logits, 0.25), rtol=0, atol=1e-5)
    torch.testing.assert_close(softmax.softmax(logits + 1000, 2.0), softmax.softmax(logits, 2.0))
    entropies = [float(softmax.entropy(softmax.softmax(logits, T))) for T in (1e-3, *softmax.TEMPERATURES, 1e6)]
    assert entropies == sorted(entropies)
    assert entropies[0] == 0 and entropies[-1] == pytest.approx(2)


@pytest.mark.long
def test_training_error_falls_with_width_but_the_middle_network_is_best_on_new_points():
    under, well, over = (bias_variance.errors(bias_variance.fit(hidden, 0)) for hidden in bias_variance.FITS.values())
    assert under[0] > well[0] > over[0]
    assert well[1] < under[1] and well[1] < over[1]
    assert well[0] == pytest.approx(bias_variance.NOISE, abs=0.03)  # it gets wrong what is labelled wrong
    assert over[0] < bias_variance.NOISE / 2  # it has learnt wrong labels by heart


def test_every_module_is_listed():
    folder = Path(demonstrations.__file__).parent
    assert {path.stem for path in folder.glob("*.py")} - {"__init__"} == SUMMARIES.keys()


@pytest.mark.long
def test_all_are_drawn_by_default_and_leave_the_global_generator_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["demonstrate.py"])
    before = torch.get_rng_state()
    demonstrate.main()
    assert torch.equal(torch.get_rng_state(), before)
    printed = capsys.readouterr().out
    assert {path.name for path in Path("demonstrations").iterdir()} == {f"{name}.png" for name in SUMMARIES}
    for path in Path("demonstrations").iterdir():
        with Image.open(path) as image:
            assert image.width >= 1000 and len(image.convert("L").getcolors()) > 50
        assert str(path) in printed
    for number in ("0.842, 0.042, 0.002, 0.114", "6.4e+08", "8.9e-16", "gradient descent 76 steps", "RMSprop never"):
        assert number in printed


@pytest.mark.long
def test_the_command_draws_what_it_is_asked_for_where_it_is_asked_to(tmp_path):
    done = run_script("demonstrate.py", "softmax", "moving_averages", "--output", "deep/er", cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    assert {path.name for path in (tmp_path / "deep" / "er").iterdir()} == {"softmax.png", "moving_averages.png"}
    assert done.stdout.startswith("deep/er/softmax.png\n  e^z = 148.4, 7.4, 0.4, 20.1; their sum 176.3\n")


@pytest.mark.long
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["softmaxx"], "softmaxx: no such demonstration; choose from moving_averages, optimizer_paths,"),
        (["softmax", "--output", "file"], "--output file: cannot be written (file is a file, not a folder)"),
    ],
)
def test_mistakes_are_told_in_a_line(arguments, words, tmp_path):
    (tmp_path / "file").write_text("keep")
    done = run_script("demonstrate.py", *arguments, cwd=tmp_path)
    assert done.returncode == 1 and done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and done.stderr.startswith(f"error: {words}"), done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"] and (tmp_path / "file").read_text() == "keep"


def test_help_names_the_demonstrations_without_torch(tmp_path):
    code = (
        "import sys, runpy; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally: print('TORCH' if 'torch' in sys.modules else 'LIGHT')"
    )
    command = [sys.executable, "-c", code, str(ROOT / "scripts" / "demonstrate.py"), "--help"]
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": ""}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and done.stdout.strip().endswith("LIGHT"), done.stderr
    assert all(name in done.stdout for name in SUMMARIES)


def test_an_image_is_saved_whole_or_not_at_all(tmp_path):
    save_figure(torch.full((1, 3, 4, 6), 0.5), tmp_path / "grey.png")
    with Image.open(tmp_path / "grey.png") as image:
        assert image.size == (6, 4) and image.getpixel((5, 3)) == (128, 128, 128)
    before = (tmp_path / "grey.png").read_bytes()
    (tmp_path / "taken.png").mkdir()
    with pytest.raises(OSError):
        save_figure(torch.zeros(1, 3, 4, 6), tmp_path / "taken.png")
    assert {path.name for path in tmp_path.iterdir()} == {"grey.png", "taken.png"}
    assert (tmp_path / "grey.png").read_bytes() == before
