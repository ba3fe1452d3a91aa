"""Optuna's part: a study in memory or in a database, its sampler and its pruner."""

import json
import time
import warnings
from typing import TYPE_CHECKING, Any

from dlcourse.errors import UserError
from dlcourse.search.settings import Lengths, Search
from dlcourse.search.space import Space

if TYPE_CHECKING:
    import optuna

FINISHED = ("COMPLETE", "PRUNED")  # the states that count


def open_study(search: Search, name: str, space: Space, fixed: list[str], lengths: Lengths) -> "optuna.Study":
    """The study called `name`, new or joined.

    Args:
        search: what is asked.
        name: of the study.
        space: what is searched.
        fixed: the overrides of every trial; a study is joined only with the same ones.
        lengths: of the runs.

    Raises:
        UserError: no Optuna, a storage that cannot be used, or a study that searches for something else.
    """
    try:
        import optuna
    except ImportError as error:
        raise UserError("a search needs Optuna: pip install -e '.[search]'") from error

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    study = create_study(search, name, make_pruner(search.pruner, lengths))
    described = {
        "metric": search.metric,
        "direction": search.direction,
        "space": {key: {"kind": type(part).__name__} | vars(part) for key, part in space.items()},
        "overrides": sorted(fixed),
    }
    check_same_study(study, described, name)
    return study


def create_study(search: Search, name: str, pruner: "optuna.pruners.BasePruner") -> "optuna.Study":
    """The study called `name`, joined if the storage has it.

    Raises:
        UserError: the storage cannot be used.
    """
    import optuna

    for patience in (0.5, 1.0, 0.0):
        try:
            return optuna.create_study(
                storage=open_storage(search),
                study_name=name,
                direction=search.direction,  # type: ignore[arg-type]  # a Literal
                pruner=pruner,
                load_if_exists=True,
            )
        except Exception as error:  # of SQLAlchemy, of the driver, or of Optuna
            reason = str(error).strip().partition("\n")[0]
            time.sleep(patience)  # two processes that make the tables at the same time get into each other's way
    raise UserError(f"search.storage={search.storage}: cannot be used ({reason})")


def open_storage(search: Search) -> "optuna.storages.BaseStorage | None":
    """The database of the trials, whose processes give signs of life; None for a study in memory."""
    import optuna

    if search.storage is None:
        return None
    is_sqlite = search.storage.startswith("sqlite")
    return optuna.storages.RDBStorage(
        search.storage,
        engine_kwargs={"connect_args": {"timeout": 60}} if is_sqlite else None,  # seconds to wait for another's write
        heartbeat_interval=max(1, search.grace_period // 6),
        grace_period=search.grace_period,
    )


def check_same_study(study: "optuna.Study", described: dict[str, Any], name: str) -> None:
    """Raise UserError unless the study has the same description, or no trial that counts so far."""
    described = json.loads(json.dumps(described))  # as the storage gives it back
    known = study.user_attrs.get("search", {}) | {"direction": study.direction.name.lower()}
    differing = [key for key in described if known.get(key) != described[key]]
    counting = [trial for trial in study.get_trials(deepcopy=False) if trial.state.name in ("RUNNING", *FINISHED)]
    if differing and (counting or "direction" in differing):
        pairs = "; ".join(f"{key} there: {known.get(key)}, here: {described[key]}" for key in differing)
        raise UserError(f"search.study={name} searches for something else; choose another name ({pairs})")
    if differing:
        study.set_user_attr("search", described)


def make_sampler(kind: str, seed: int) -> "optuna.samplers.BaseSampler":
    """Each parameter by itself, so that intervals may change between trials."""
    import optuna

    makers = {
        "random": lambda: optuna.samplers.RandomSampler(seed=seed),
        "tpe": lambda: optuna.samplers.TPESampler(seed=seed, multivariate=False, constant_liar=True),
    }
    return makers[kind]()


def make_pruner(kind: str, lengths: Lengths) -> "optuna.pruners.BasePruner":
    """The rule by which runs end early, in updates."""
    import optuna

    shortest = min(lengths.evaluate_every, lengths.max_steps)
    makers = {
        "none": lambda: optuna.pruners.NopPruner(),
        "median": lambda: optuna.pruners.MedianPruner(),
        "successive_halving": lambda: optuna.pruners.SuccessiveHalvingPruner(min_resource=shortest),
        "hyperband": lambda: optuna.pruners.HyperbandPruner(min_resource=shortest, max_resource=lengths.max_steps),
    }
    return makers[kind]()
