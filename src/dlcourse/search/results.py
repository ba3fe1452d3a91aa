"""The results of a study: the best trials as a table, all of them as a spreadsheet, and Optuna's plots."""

import warnings
from typing import Any

import numpy as np
import optuna
import torch
from optuna.importance import FanovaImportanceEvaluator
from optuna.trial import FrozenTrial, TrialState
from torch import Tensor

from dlcourse.images.figures import to_image, verbatim
from dlcourse.search.space import Space, config_values


def trials_of(study: optuna.Study) -> list[FrozenTrial]:
    """All trials but those that were withdrawn before training."""
    return [trial for trial in study.get_trials(deepcopy=False) if not trial.user_attrs.get("withdrawn")]


def trial_state(trial: FrozenTrial) -> str:
    """The state in words: complete, pruned, failed or running."""
    return "failed" if trial.state.name == "FAIL" else trial.state.name.lower()


def ranked(study: optuna.Study) -> list[FrozenTrial]:
    """The complete trials, the best one first, then the pruned ones."""
    sign = 1 if study.direction.name == "MINIMIZE" else -1
    found = [trial for trial in trials_of(study) if trial_state(trial) in ("complete", "pruned")]
    return sorted(found, key=lambda trial: (trial_state(trial) == "pruned", sign * trial.values[0]))


def trials_table(study: optuna.Study, metric: str, space: Space, count: int) -> list[list[str]]:
    """Rows of cells: a heading and at most `count` trials, the best ones first."""
    rows = [["trial", metric, *config_values(dict.fromkeys(space, 0)), "state"]]
    for trial in ranked(study)[:count]:
        values = config_values({name: trial.params[name] for name in space})
        cells = [f"{value:.4g}" if isinstance(value, float) else str(value) for value in values.values()]
        rows.append([f"{trial.number:04}", f"{trial.values[0]:.4g}", *cells, trial_state(trial)])
    return rows


def trials_spreadsheet(study: optuna.Study, metric: str, space: Space) -> list[list[Any]]:
    """All trials in full precision: a heading and a row for each trial."""
    keys = list(config_values(dict.fromkeys(space, 0)))
    rows: list[list[Any]] = [["trial", "state", metric, *keys, "stage", "seconds", "error"]]
    for trial in trials_of(study):
        state, values = trial_state(trial), config_values(trial.params)
        value = trial.values[0] if trial.values else ""
        seconds = round(trial.duration.total_seconds(), 3) if trial.duration else ""
        error = trial.user_attrs.get("error", "interrupted" if state == "failed" else "")
        stage = trial.user_attrs.get("stage", "")
        rows.append([trial.number, state, value, *(values.get(key, "") for key in keys), stage, seconds, error])
    return rows


def draw_study(study: optuna.Study, metric: str, space: Space) -> Tensor:
    """Optuna's plots, one above the other, as an image (1, 3, H, W) in [0, 1].

    They show the metric of the complete trials over each parameter and, if there are at least four trials and their
    metrics differ, the importance of the parameters.
    """
    import matplotlib as mpl
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    study = drawable_study(study, space)
    metrics: set[Any] = {trial.value for trial in study.trials}
    images = []
    with warnings.catch_warnings(), mpl.rc_context({"figure.constrained_layout.use": True}):  # undoes Optuna's style
        warnings.simplefilter("ignore")  # Optuna warns of experimental features and of parameters with a single value
        figures = [(draw_slices(study, metric, 0 < 10 * min(metrics, default=0) < max(metrics, default=0)), 4.0)]
        if len(study.trials) >= 4 and len(metrics) > 1:
            figures.append((draw_importances(study, metric), 1 + 0.4 * len(space)))
        for figure, height in figures:
            figure.set_dpi(100)
            figure.set_size_inches(max(8, 3.2 * len(space)), height)
            images.append(to_image(figure))
            pyplot.close(figure)
    return torch.cat(images, dim=2)


def draw_slices(study: optuna.Study, metric: str, log: bool) -> Any:
    """A figure of the metric, on a linear or a logarithmic axis, over each parameter."""
    from matplotlib.category import StrCategoryFormatter
    from optuna.visualization.matplotlib import plot_slice

    drawn: Any = plot_slice(study, target_name=verbatim(metric))
    first, *others = np.atleast_1d(drawn)
    for axes in (first, *others):
        if isinstance(axes.xaxis.get_major_formatter(), StrCategoryFormatter):
            axes.tick_params(axis="x", labelrotation=20)
            for label in axes.get_xticklabels():
                label.set_parse_math(False)  # options may contain dollar signs
    first.set(title="", yscale="log" if log else "linear")
    first.figure.suptitle(f"{verbatim(study.study_name)}: {len(study.trials)} complete trials")
    return first.figure


def draw_importances(study: optuna.Study, metric: str) -> Any:
    """A figure of each parameter's share of the metric's variance, by a random forest (Hutter et al. 2014)."""
    from optuna.visualization.matplotlib import plot_param_importances

    evaluator = FanovaImportanceEvaluator(seed=0)
    axes: Any = plot_param_importances(study, evaluator=evaluator, target_name=metric)
    axes.set_title("", loc="left")
    axes.set(xlabel=f"importance: share of the variance of {verbatim(metric)} (functional ANOVA)", ylabel="")
    axes.get_legend().remove()
    return axes.figure


def drawable_study(study: optuna.Study, space: Space) -> optuna.Study:
    """A copy of the complete trials, all with the whole space: Optuna plots only trials with equal distributions."""
    copy = optuna.create_study(direction=study.direction, study_name=study.study_name)
    for trial in study.get_trials(deepcopy=False, states=[TrialState.COMPLETE]):
        params = {verbatim(name): trial.params[name] for name in space}
        parts = {verbatim(name): part for name, part in space.items()}
        copy.add_trial(optuna.create_trial(value=trial.value, params=params, distributions=parts))
    return copy
