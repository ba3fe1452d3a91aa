"""Networks that a format keeps in several files, as one."""

from collections.abc import Sequence

from dlcourse.errors import UserError
from dlcourse.stylegan.interop.networks import ROLE_KINDS, Pretrained


def combine(parts: Sequence[Pretrained]) -> Pretrained:
    """One Pretrained with the networks of all; an old average of w gives way to that of the other generator.

    Raises:
        UserError: two hold the same network, or generators of different sizes.
    """
    whole = Pretrained(", ".join(dict.fromkeys(part.format for part in parts)), {})
    for part in parts:
        for role, kind in ROLE_KINDS.items():
            network = getattr(part, role)
            if network is None:
                continue
            if getattr(whole, role) is not None:
                raise UserError(f"two of the files hold a {role}")
            if whole.config.setdefault(kind, part.config[kind]) != part.config[kind]:
                raise UserError(f"the files hold {kind}s of different sizes")
            setattr(whole, role, network)
        whole.notes += part.notes
        whole.has_old_average |= part.has_old_average
    if whole.has_old_average and whole.generator is not None and whole.generator_ema is not None:
        whole.generator_ema.w_avg.copy_(whole.generator.w_avg)
        whole.notes.append("generator_ema: took the generator's average of w")
    return whole
