"""What a study found: the best trials as a table, all of them as a spreadsheet, and Optuna's drawings of them."""

import warnings
from typing import Any

import numpy as np
import optuna
import torch
from optuna.importance import FanovaImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState
from torch import Tensor

from dlcourse.images.figures import to_image, verbatim
from dlcourse.search.space import Space, Value, config_values

STATES = {"FAIL": "failed"}  # what we call the states of Optuna, where it is not simply in small letters


def trials_of(study: optuna.Study) -> list[FrozenTrial]:
    """All trials, without those that were withdrawn before they began."""
    return [trial for trial in study.get_trials(deepcopy=False) if not trial.user_attrs.get("withdrawn")]


def state_of(trial: FrozenTrial) -> str:
    """ "complete", "pruned", "failed" or "running"."""
    return STATES.get(trial.state.name, trial.state.name.lower())


def ranked(study: optuna.Study) -> list[FrozenTrial]:
    """The complete trials, the best one first, then the pruned ones."""
    sign = 1 if study.direction.name == "MINIMIZE" else -1
    found = [trial for trial in trials_of(study) if state_of(trial) in ("complete", "pruned")]
    return sorted(found, key=lambda trial: (state_of(trial) == "pruned", sign * trial.values[0]))


def table(study: optuna.Study, metric: str, space: Space, count: int) -> list[list[str]]:
    """Rows of cells: a heading and the best trials, at most `count`."""
    rows = [["trial", metric, *config_values(dict.fromkeys(space, 0)), "state"]]
    for trial in ranked(study)[:count]:
        values = config_values({name: trial.params[name] for name in space})
        rows.append([f"{trial.number:04}", *map(short, [trial.values[0], *values.values()]), state_of(trial)])
    return rows


def short(value: Value) -> str:
    """A value in four digits, an option as it was typed."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def spreadsheet(study: optuna.Study, metric: str, space: Space) -> list[list[Any]]:
    """All trials in full precision: a heading, then a row each."""
    keys = list(config_values(dict.fromkeys(space, 0)))
    rows: list[list[Any]] = [["trial", "state", metric, *keys, "stage", "seconds", "error"]]
    for trial in trials_of(study):
        state, values = state_of(trial), config_values(trial.params)
        value = trial.values[0] if trial.values else ""
        seconds = round(trial.duration.total_seconds(), 3) if trial.duration else ""
        error = trial.user_attrs.get("error", "interrupted" if state == "failed" else "")
        stage = trial.user_attrs.get("stage", "")
        rows.append([trial.number, state, value, *(values.get(key, "") for key in keys), stage, seconds, error])
    return rows


def draw(study: optuna.Study, metric: str, space: Space) -> Tensor:
    """Optuna's drawings, one above the other, as an image (1, 3, H, W) in [0, 1].

    The metric of the complete trials over each parameter; and, from four that differ on, the importance of the
    parameters by functional analysis of variance (Hutter et al. 2014).
    """
    import matplotlib as mpl
    from matplotlib import pyplot
    from matplotlib.category import StrCategoryFormatter
    from optuna.visualization import matplotlib as plots

    pyplot.switch_backend("agg")
    study = drawable(study, space)
    metrics = {trial.values[0] for trial in study.trials}
    shown: dict[str, Any] = {"target": lambda trial: trial.values[0], "target_name": verbatim(metric)}
    width = max(8, 3.2 * len(space))
    with warnings.catch_warnings(), mpl.rc_context({"figure.constrained_layout.use": True}):  # Optuna sets a style
        warnings.simplefilter("ignore")  # of Optuna's experiments, and of parameters with a single value
        slices = np.atleast_1d(plots.plot_slice(study, **shown))
        for axes in slices:
            if isinstance(axes.xaxis.get_major_formatter(), StrCategoryFormatter):
                axes.tick_params(axis="x", labelrotation=20)
                for label in axes.get_xticklabels():
                    label.set_parse_math(False)  # a dollar in an option is a dollar
        if metrics and 0 < 10 * min(metrics) < max(metrics):  # one bad trial makes all others look alike
            slices[0].set_yscale("log")
        slices[0].set_title("")
        slices[0].figure.suptitle(f"{verbatim(study.study_name)}: {len(study.trials)} complete trials")
        figures = [(slices[0].figure, 4.0)]
        if len(study.trials) >= 4 and len(metrics) > 1:
            bars = plots.plot_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0), **shown)
            bars.set_title("", loc="left")
            bars.set(xlabel=f"importance: share of the variance of {verbatim(metric)} (functional ANOVA)", ylabel="")
            bars.get_legend().remove()
            figures.append((bars.figure, 1 + 0.4 * len(space)))
        images = []
        for figure, height in figures:
            figure.set_dpi(100)
            figure.set_size_inches(width, height)
            images.append(to_image(figure))
            pyplot.close(figure)
    return torch.cat(images, dim=2)


def drawable(study: optuna.Study, space: Space) -> optuna.Study:
    """The complete trials, in memory, all of them from the whole space, for Optuna compares only such."""
    copy = optuna.create_study(direction=study.direction, study_name=study.study_name)
    for trial in study.get_trials(deepcopy=False, states=[TrialState.COMPLETE]):
        params = {verbatim(name): trial.params[name] for name in space}
        parts = {verbatim(name): part for name, part in space.items()}
        copy.add_trial(optuna.create_trial(value=trial.value, params=params, distributions=parts))
    return copy
