"""What the playground's options mean to dlcourse train."""

from typing import Any

from dlcourse.classifier.networks import ACTIVATIONS, INITS, NORMS
from dlcourse.page.commands import Compose, value_at
from dlcourse.page.fields import Fields, plain
from dlcourse.page.playground import own_points

DATA = ("points", "rings", "noisy_line", "flower", "own")
NOISY = ("noisy_line", "flower")  # those that have wrong labels
OPTIMIZERS = ("adam", "adamw", "rmsprop", "momentum", "sgd", "lbfgs")
SCHEDULERS = ("constant", "cosine", "one_cycle", "exponential", "hyperbolic", "inverse_sqrt", "plateau")
MOST_LAYERS = 8
MOST_UNITS = 100
MOST_TRAIN = 2000
MOST_STEPS = 100_000
MOST_SEED = 2**31 - 1
REQUIRED = ("dataset.path",)  # keys without a value in the configs
WATCHED = 50  # steps between two evaluations of scheduler=plateau

Settings = dict[str, Any]  # key of the config -> value


def choices() -> dict[str, Any]:
    """What the page may offer."""
    return {
        "data": DATA,
        "noisy": NOISY,
        "activation": list(ACTIVATIONS),
        "init": list(INITS),
        "norm": list(NORMS),
        "optimizer": OPTIMIZERS,
        "scheduler": SCHEDULERS,
        "most": {"layers": MOST_LAYERS, "units": MOST_UNITS, "train": MOST_TRAIN, "steps": MOST_STEPS}
        | {"seed": MOST_SEED, "points": own_points.MOST_POINTS, "colors": own_points.MOST_COLORS},
    }


def groups_of(state: Fields) -> Settings:
    """The chosen options of config groups."""
    data = state.choice("data", DATA)
    return {
        "dataset": "points_file" if data == "own" else data,
        "optimizer": state.choice("optimizer", OPTIMIZERS),
        "scheduler": state.choice("scheduler", SCHEDULERS),
    }


def settings_of(state: Fields) -> Settings:
    """The keys of the config, all that the page sets."""
    hidden = state.wholes("hidden", 1, MOST_UNITS, MOST_LAYERS)
    scheduler = state.choice("scheduler", SCHEDULERS)
    return data_settings(state) | {
        "model.hidden": hidden,
        "model.activation": state.choice("activation", list(ACTIVATIONS)),
        "model.init": state.choice("init", list(INITS)),
        "model.norm": state.choice("norm", list(NORMS)),
        "model.dropout": plain(state.number("dropout", 0, 0.9)),
        "optimizer.lr": plain(state.number("lr", 1e-6, 1e3)),
        "task.batch_size": state.whole("batch_size", 0, MOST_TRAIN) or None,  # 0: the full batch
        "task.l2": plain(state.number("l2", 0, 10)),
        "seed": state.whole("seed", 0, MOST_SEED),
        "device": "cpu",  # sooner than a GPU with networks as small as these
        "runner.max_steps": state.whole("steps", 1, MOST_STEPS),
        "runner.num_threads": 1,
        **({"runner.evaluate_every": WATCHED} if scheduler == "plateau" else {}),
    }


def data_settings(state: Fields) -> Settings:
    """The keys of the data set."""
    data, noise = state.choice("data", DATA), plain(state.number("input_noise", 0, 2))
    settings: Settings = {"dataset.input_noise_std": noise}
    if data == "own":
        return settings | {"dataset.path": str(own_points.path_of(own_points.read_points(state)))}
    settings["dataset.num_train"] = state.whole("num_train", 2, MOST_TRAIN)
    if data in NOISY:
        settings["dataset.pattern.noise"] = plain(state.number("label_noise", 0, 0.5))
    return settings


def overrides_of(state: Fields, compose: Compose) -> list[str]:
    """The words of the dlcourse train that does what a state says: those that change something."""
    groups, settings = groups_of(state), settings_of(state)
    usual = compose("train", [])
    words = [f"{name}={option}" for name, option in groups.items() if usual["choices"][name] != option]
    words += [f"{key}={settings.pop(key)}" for key in REQUIRED if key in settings]
    config = compose("train", words)
    changed = {key: value for key, value in settings.items() if value_at(config, key) != value}
    return words + [f"{key}={word(value)}" for key, value in changed.items()]


def word(value: Any) -> str:
    """A value as it is typed on the command line."""
    return "null" if value is None else str(value).replace(" ", "")
