"""The settings of a search, and Optuna's study with them: in memory or in a database, with a sampler and a pruner."""

import json
import time
import warnings
import zlib
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.pruners import HyperbandPruner, MedianPruner, NopPruner, SuccessiveHalvingPruner
from optuna.samplers import GridSampler, RandomSampler, TPESampler

from dlcourse.errors import UserError, reason_of
from dlcourse.search.space import Space, grid_values

FINISHED = ("COMPLETE", "PRUNED")  # states of trials that count
CHOICES = {
    "direction": ("minimize", "maximize"),
    "sampler": ("grid", "random", "tpe"),
    "pruner": ("none", "median", "successive_halving", "hyperband"),
}


@dataclass(frozen=True)
class Search:
    """Settings of a search, explained in configs/search.yaml. ValueError for a value out of range."""

    metric: str
    direction: str
    trials: int
    sampler: str
    pruner: str
    refine_after: int | None
    refine_best: int
    refine_zoom: float
    max_failures: int
    storage: str | None
    study: str | None
    folder: str | None
    grace_period: int
    seed: int

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        for name in ("trials", "refine_after", "refine_best", "max_failures", "grace_period"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1, got {value}")
        if not 0 < self.refine_zoom <= 1:
            raise ValueError(f"refine_zoom must be in (0, 1], got {self.refine_zoom}")
        if self.sampler == "grid" and self.refine_after is not None:
            raise ValueError("refine_after narrows intervals, and a grid has none; take sampler=random or tpe")
        if self.storage is not None and self.study is None:
            raise ValueError(f"storage={self.storage} needs a name for the study in it: search.study=NAME")


@dataclass(frozen=True)
class Lengths:
    """Lengths in a run, in updates."""

    max_steps: int
    evaluate_every: int
    first_record: int  # until every metric has been logged


def open_study(search: Search, name: str, space: Space, fixed: list[str], lengths: Lengths) -> optuna.Study:
    """Create or join the study called `name`, whose trials all have the overrides `fixed`.

    Raises:
        UserError: a storage that cannot be used, a study that searches for something else, or an interval in a grid.
    """
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    sampler, pruner = make_sampler(search, space, 0), make_pruner(search.pruner, lengths)
    for patience in (0.5, 1.0, 0.0):
        try:
            study = optuna.create_study(
                storage=open_storage(search),
                study_name=name,
                direction=search.direction,  # type: ignore[arg-type]  # a Literal
                sampler=sampler,
                pruner=pruner,
                load_if_exists=True,
            )
            break
        except Exception as error:  # from SQLAlchemy, the driver, or Optuna
            reason = reason_of(error)
            time.sleep(patience)  # creating the tables fails if two processes do it at the same time
    else:
        raise UserError(f"search.storage={search.storage}: cannot be used ({reason})")
    parts = {key: str(part) for key, part in space.items()}
    described = {"metric": search.metric, "direction": search.direction, "space": parts, "overrides": sorted(fixed)}
    check_same_study(study, described, name)
    return study


def open_storage(search: Search) -> optuna.storages.BaseStorage | None:
    """The database of the trials, with a heartbeat of each process; None for a study in memory."""
    if search.storage is None:
        return None
    is_sqlite = search.storage.startswith("sqlite")
    return optuna.storages.RDBStorage(
        search.storage,
        engine_kwargs={"connect_args": {"timeout": 60}} if is_sqlite else None,  # seconds to wait for other writers
        heartbeat_interval=max(1, search.grace_period // 6),
        grace_period=search.grace_period,
    )


def check_same_study(study: optuna.Study, described: dict[str, Any], name: str) -> None:
    """Raise UserError for a study with another description and running or finished trials; else set its description."""
    described = json.loads(json.dumps(described))  # as the storage returns it
    known = study.user_attrs.get("search", {}) | {"direction": study.direction.name.lower()}
    differing = [key for key in described if known.get(key) != described[key]]
    counting = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name in ("RUNNING", *FINISHED)]
    if differing and (counting or "direction" in differing):
        pairs = "; ".join(f"{key} there: {known.get(key)}, here: {described[key]}" for key in differing)
        raise UserError(f"search.study={name} searches for something else; choose another name ({pairs})")
    if differing:
        study.set_user_attr("search", described)


def make_sampler(search: Search, space: Space, number: int) -> optuna.samplers.BaseSampler:
    """The sampler of one trial: its draws depend only on the seed, the trial's number and the finished trials."""
    if search.sampler == "grid":
        return GridSampler(grid_values(space), seed=search.seed)
    seed = zlib.crc32(f"{search.seed}/{number}".encode())
    if search.sampler == "random":
        return RandomSampler(seed=seed)
    return TPESampler(seed=seed, multivariate=False, constant_liar=True)  # univariate: intervals may change


def make_pruner(kind: str, lengths: Lengths) -> optuna.pruners.BasePruner:
    """The rule by which bad runs end early; its resource is the number of updates."""
    shortest = min(lengths.evaluate_every, lengths.max_steps)
    return {
        "none": NopPruner(),
        "median": MedianPruner(),
        "successive_halving": SuccessiveHalvingPruner(min_resource=shortest),
        "hyperband": HyperbandPruner(min_resource=shortest, max_resource=lengths.max_steps),
    }[kind]
