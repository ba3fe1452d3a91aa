"""Checkpoints: {step, config, state}, written atomically, read without executing anything from the file."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from dlcourse.engine.build import locate
from dlcourse.engine.nodes import flatten, node_at
from dlcourse.engine.rebuild import TooLargeError, build_fitting, build_of_file, check_weights, is_same_kind, some
from dlcourse.engine.run_folder import all_of
from dlcourse.engine.targets import NETWORKS
from dlcourse.engine.task import Stateful, Task
from dlcourse.errors import UserError, reason_of
from dlcourse.files import torch_file
from dlcourse.files.terminal import printable

KEYS = {"step", "config", "state"}


def save_checkpoint(path: Path, step: int, config: dict[str, Any], state: dict[str, Any]) -> None:
    """Write what a `Checkpoint` holds, atomically, into a folder that exists; UserError if it cannot be written."""
    try:
        torch_file.save({"step": step, "config": config, "state": state}, path)
    except OSError as error:
        raise UserError(str(error)) from error


N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class Checkpoint:
    """The content of a checkpoint: tensors on the CPU and plain data, never code.

    Attributes:
        path: the file.
        step: updates done.
        config: the resolved config of the run.
        state: name -> state_dict of a part of the task, such as "model", "descent", "generator_ema"; and the task's
            metadata.
    """

    path: Path
    step: int
    config: dict[str, Any]
    state: dict[str, Any]

    @classmethod
    def load(cls, path: Path) -> "Checkpoint":
        """Read a checkpoint, in no more memory than the file's length. Nothing in the file is executed.

        Raises:
            UserError: the file is missing, truncated, or not a checkpoint of dlcourse.
        """
        try:
            content = torch_file.load(path)
        except FileNotFoundError:
            raise UserError(f"{path}: no such checkpoint") from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise UserError(f"{path}: not a whole checkpoint of dlcourse ({reason})") from error
        return cls.of(content, path)

    @classmethod
    def of(cls, content: Any, path: Path) -> "Checkpoint":
        """Make a Checkpoint of the content of a file; UserError if it is not one."""
        what = f"{path}: not a checkpoint of dlcourse"
        if not is_checkpoint(content):
            raise UserError(f"{what} (its entries are not {sorted(KEYS)})")
        if type(content["step"]) is not int or content["step"] < 0:
            raise UserError(f"{what} (its step must be a whole number >= 0)")
        for name in ("config", "state"):
            if not isinstance(content[name], dict) or not all(isinstance(key, str) for key in content[name]):
                raise UserError(f"{what} (its {name} has no names)")
        return cls(path, **content)

    def kind(self) -> str:
        """What it is of, and the commands that read it, for messages."""
        task = task_of(self.config)
        words = [command.split() for command in task.commands]
        names = [" ".join([*one[:2], *(word for word in one[2:] if word == "seeds=RUN")]) for one in words]
        return f"of {task.kind}" + (f": {' and '.join(names)} read{'s' * (len(names) == 1)} it" if names else "")

    def network(self, part: str, kind: type[N] = nn.Module, refusal: str = "a checkpoint of another task") -> N:  # type: ignore[assignment]
        """A network in eval mode, rebuilt from the config, with the weights of a part of the state.

        Args:
            part: "model" is described by the config's `model`, "generator" and "generator_ema" by `model.generator`.
            kind: the class that it must be an instance of.
            refusal: the message if it is not.

        Raises:
            UserError: another kind of network, or weights that are missing, not finite, or of other names or shapes.
        """
        key = "model" if part == "model" else f"model.{part.removesuffix('_ema')}"
        node, weights, what = node_at(self.config, key), self.state.get(part), f"{self.path}: its {part}"
        try:
            network = build_fitting(node, key, self.path, weights)
        except TooLargeError:
            if isinstance(weights, dict) and weights:
                with torch.device("meta"):  # takes no memory; the check names the weight that does not fit
                    check_weights(build_of_file(node, key, self.path, NETWORKS), weights, what, may_lack=".*")
            raise
        if not isinstance(network, kind):
            raise UserError(f"{self.path}: {refusal}")
        if not isinstance(weights, dict):
            raise UserError(f"{what} has no weights")
        check_weights(network, weights, what)
        network.load_state_dict(weights)
        check_weights_finite(network.state_dict(), what)
        return network.eval()

    def restore(self, parts: Mapping[str, Stateful]) -> None:
        """Load the saved state into each of `parts` (name -> object); UserError if one is missing or does not fit."""
        missing = parts.keys() - self.state.keys()
        if missing:
            raise UserError(f"{self.path}: a checkpoint of another task: it has no {', '.join(sorted(missing))}")
        for name, part in parts.items():
            try:
                check_kinds(part.state_dict(), self.state[name])
                part.load_state_dict(self.state[name])
            except UserError as error:
                raise UserError(f"{self.path}: {error}") from error
            except Exception as error:  # a state of something else can fail in any way
                what = f"its {name} does not fit the configured one (sizes cannot change when a run goes on)"
                raise UserError(f"{self.path}: {what}: {reason_of(error)}") from error

    def check_same_model(self, config: dict[str, Any]) -> None:
        """Raise UserError naming both values where the `model` of `config` differs from the checkpoint's."""
        if not isinstance(self.config.get("model"), dict):
            raise UserError(f"{self.path}: a checkpoint of another task: its config has no model")
        found = {part: differences(self.config.get(part), config.get(part), part) for part in ("model", "dataset")}
        last = lambda key: key.rpartition(".")[2]
        causes = {(last(key), values): key for key, values in found["dataset"].items()}  # that the model's keys follow
        differing = {causes.get((last(key), values), key): values for key, values in found["model"].items()}
        if differing:
            pairs = "; ".join(f"{key} is {there} there, {here} here" for key, (there, here) in differing.items())
            raise UserError(f"{self.path}: a checkpoint of another model: {pairs}; a resumed run keeps its model")


def differences(theirs: Any, ours: Any, key: str) -> dict[str, tuple[str, str]]:
    """Dotted key -> both values as text, where two nodes of configs differ."""
    there, here = (flatten(node, f"{key}.") if isinstance(node, dict) else {} for node in (theirs, ours))
    return {
        name: (repr(there.get(name)), repr(here.get(name)))
        for name in sorted(there | here)
        if there.get(name) != here.get(name)
    }


def check_kinds(own: Mapping[str, Any], saved: Mapping[str, Any]) -> None:
    """Raise ValueError where a saved state holds something else in the place of a number or real tensor of `own`."""
    theirs = flatten(saved)
    for key, value in flatten(own).items():
        other = theirs.get(key, value)
        if isinstance(value, int | float) and not isinstance(other, int | float):
            raise ValueError(f"{key} must be a number, got {repr(other)[:60]}")
        if isinstance(value, Tensor) and isinstance(other, Tensor) and not is_same_kind(other, value):
            raise ValueError(f"{key} must hold {value.dtype}, got {other.dtype}")


def task_of(config: Any) -> type[Task]:
    """The class of a config's task; Task itself for an unknown one."""
    try:
        found = locate(node_at(config, "task._target_"), "task")
    except UserError:
        return Task
    return found if isinstance(found, type) and issubclass(found, Task) else Task


def is_checkpoint(content: Any) -> bool:
    return isinstance(content, dict) and content.keys() == KEYS


def best_of(run_dir: Path) -> Path:
    return run_dir / "checkpoints" / "best.pt"


def best_step(run_dir: Path) -> int | None:
    """The step of best.pt; None without one that can be read."""
    try:
        return Checkpoint.load(best_of(run_dir)).step
    except UserError:
        return None


def remove_later_best(run_dir: Path, step: int) -> None:
    """Before a run continues from `step`: remove a best.pt of a later step."""
    if (best_step(run_dir) or 0) > step:
        best_of(run_dir).unlink()


def load_newest(run_dir: Path) -> Checkpoint | None:
    """The newest readable checkpoint of a run, with a warning for each newer one; None for a run without any.

    Raises:
        UserError: there are checkpoints, and none can be read.
    """
    found = all_of(run_dir)
    for path in reversed(found):
        try:
            return Checkpoint.load(path)
        except UserError as error:
            if path == found[0]:
                raise
            logging.getLogger(__name__).warning(printable(f"{error}; going on from the one before"))
    return None


def check_weights_finite(state: Mapping[str, Any], what: str) -> None:
    """Raise UserError for tensors with NaN or infinity; `what` names the network in the message."""
    wrong = [name for name, value in state.items() if isinstance(value, Tensor) and not bool(value.isfinite().all())]
    if wrong:
        raise UserError(
            f"{what} has weights that are not finite ({some(wrong)}): it is damaged or its training diverged"
        )
