"""What a study found, in words and numbers: the best trials, a spreadsheet of all, the importance of parameters."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dlcourse.search.space import Space, Value
from dlcourse.search.strategies import Trial, importance

if TYPE_CHECKING:
    import optuna


@dataclass(frozen=True)
class Result:
    """One trial: "complete", "pruned", "failed" or "running", its metric if it has one, and why it failed."""

    number: int
    state: str
    metric: float | None
    values: dict[str, Value]
    stage: str
    seconds: float | None
    error: str


@dataclass(frozen=True)
class EvaluationResult:
    """A study to be shown.

    Attributes:
        name: of the study.
        metric: tag of what was searched for.
        direction: "minimize" or "maximize".
        space: the whole one.
        results: in the order of their numbers.
    """

    name: str
    metric: str
    direction: str
    space: Space
    results: list[Result]

    def ranked(self) -> list[Result]:
        """The complete trials, the best one first, then the pruned ones."""
        sign = 1 if self.direction == "minimize" else -1
        found = [result for result in self.results if result.state in ("complete", "pruned")]
        return sorted(found, key=lambda result: (result.state == "pruned", sign * (result.metric or 0.0)))

    def complete(self) -> list[Result]:
        """The trials that were trained to their end."""
        return [result for result in self.results if result.state == "complete"]


def results_of(study: "optuna.Study") -> list[Result]:
    """The trials of a study as plain data; those that were withdrawn before they began are left out."""
    found = []
    for trial in study.get_trials(deepcopy=False):
        if trial.user_attrs.get("withdrawn"):
            continue
        state = {"FAIL": "failed"}.get(trial.state.name, trial.state.name.lower())
        error = trial.user_attrs.get("error", "interrupted" if state == "failed" else "")
        seconds = trial.duration.total_seconds() if trial.duration else None
        metric = trial.values[0] if trial.values else None
        stage = trial.user_attrs.get("stage", "")
        found.append(Result(trial.number, state, metric, trial.params, stage, seconds, error))
    return found


def table(findings: EvaluationResult, count: int) -> list[list[str]]:
    """Rows of cells: a heading and the best trials, at most `count`."""
    rows = [["trial", findings.metric, *findings.space, "state"]]
    for result in findings.ranked()[:count]:
        values = [short(result.values[name]) for name in findings.space]
        rows.append([f"{result.number:04}", short(result.metric or 0.0), *values, result.state])
    return rows


def short(value: Value) -> str:
    """A value in four digits, an option as it was typed."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def spreadsheet(findings: EvaluationResult) -> list[list[Any]]:
    """All trials in full precision: a heading, then a row each."""
    rows: list[list[Any]] = [["trial", "state", findings.metric, *findings.space, "stage", "seconds", "error"]]
    for result in findings.results:
        values = [result.values.get(name, "") for name in findings.space]
        metric = "" if result.metric is None else result.metric
        seconds = "" if result.seconds is None else round(result.seconds, 3)
        rows.append([result.number, result.state, metric, *values, result.stage, seconds, result.error])
    return rows


def importances(findings: EvaluationResult) -> tuple[dict[str, float], str]:
    """The share of each parameter in the variance of the metric over the complete trials, and who says so.

    Functional analysis of variance with a random forest (Hutter et al. 2014) by Optuna if scikit-learn is there, else
    our own estimate of the main effects. Nothing if there are fewer than four trials, or all ended alike.
    """
    complete = findings.complete()
    if len(complete) < 4 or len({result.metric for result in complete}) == 1:
        return {}, "too few different trials"
    try:
        return forest_importances(findings), "fANOVA, Hutter et al. 2014"
    except ImportError:
        return main_effects(findings), "main effects; fANOVA needs scikit-learn"


def main_effects(findings: EvaluationResult) -> dict[str, float]:
    """`dlcourse.search.strategies.importance` of each parameter."""
    space = findings.space
    trials = [
        Trial(tuple(part.position(result.values[name]) for name, part in space.items()), result.metric or 0.0)
        for result in findings.complete()
    ]
    return dict(zip(space, importance(trials).tolist(), strict=True))


def forest_importances(findings: EvaluationResult) -> dict[str, float]:
    """Optuna's estimate, over the whole space, though later trials may have come from a narrower one."""
    import optuna

    study = optuna.create_study()
    for result in findings.complete():
        trial = optuna.trial.FixedTrial(result.values)
        for name, part in findings.space.items():
            part.suggest(trial, name)
        study.add_trial(
            optuna.create_trial(params=result.values, distributions=trial.distributions, value=result.metric)
        )
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    found = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: found.get(name, 0.0) for name in findings.space}
