"""Reading and writing whole models: what every architecture's classes share."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from pageloom.errors import CheckpointError
from pageloom.models.checkpoint import read_tensors, write_tensors
from pageloom.models.config import ModelConfig
from pageloom.models.hub import resolve
from pageloom.models.shapes import shapes_only

__all__ = ["PretrainedModel"]

logger = logging.getLogger(__name__)

ConfigT = TypeVar("ConfigT", bound=ModelConfig)

# Buffers that older checkpoints hold and that every model here computes for itself.
_COMPUTED = ("position_ids", "pixel_mean", "pixel_std", "num_batches_tracked")


class PretrainedModel(nn.Module, Generic[ConfigT]):
    """A model that reads and writes hub checkpoints.

    Subclasses give `config_class`, and `base_prefix`: the attribute under which a head holds the
    base model, and so the prefix of its keys in a checkpoint. `aliases`: by the end of a key,
    further keys under which a checkpoint may hold the same tensor (a tied weight, an older name).
    """

    config_class: ClassVar[type[ModelConfig]]
    base_prefix: ClassVar[str]
    aliases: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def __init__(self, config: ConfigT) -> None:
        super().__init__()
        self.config = config

    # -- keys ----------------------------------------------------------------------------------

    @classmethod
    def checkpoint_key(cls, name: str) -> str:
        """The key in a checkpoint of the parameter that is called `name` here."""
        return name

    def checkpoint_tensors(self) -> dict[str, Tensor]:
        """All parameters and buffers, by the keys of a checkpoint."""
        return {self.checkpoint_key(name): tensor for name, tensor in self.state_dict().items()}

    # -- reading and writing -------------------------------------------------------------------

    @classmethod
    def from_pretrained(
        cls,
        path_or_id: str | Path,
        revision: str | None = None,
        *,
        dtype: torch.dtype | None = None,
        device: str | torch.device = "cpu",
        ignore_mismatched_sizes: bool = False,
        config: ConfigT | None = None,
        **config_changes: Any,
    ) -> Self:
        """Read a checkpoint from a folder, a packaged model or a hub id.

        Args:
            path_or_id: a folder, a packaged name (`pageloom/fields-sm`) or a hub id.
            revision: the branch, tag or commit on the hub; pin a commit for repeatable results.
            dtype: the floating-point type to hold the parameters in; the file's own by default.
            device: where to put them.
            ignore_mismatched_sizes: initialise a parameter anew whose size in the checkpoint is
                another one (a head with another number of labels), instead of raising.
            config: replaces the checkpoint's own config.
            config_changes: replace single values of the config, for example `num_labels=9`.

        The model comes back in evaluation mode. Parameters that the checkpoint lacks are
        initialised and named in a warning, as are keys that the model does not know. Raises
        `CheckpointError`.
        """
        folder = resolve(path_or_id, revision)
        if config is None:
            config = cls.config_class.from_file(  # type: ignore[assignment]
                folder / "config.json", **config_changes
            )
        assert config is not None
        try:
            with shapes_only():
                model = cls(config)
        except ValueError as error:
            raise CheckpointError(f"{folder / 'config.json'}: {error}") from None
        model.place(read_tensors(folder), str(path_or_id), ignore_mismatched_sizes)
        return model.to(device=device, dtype=dtype).eval()

    def place(
        self, tensors: dict[str, Tensor], source: str, ignore_mismatched_sizes: bool = False
    ) -> list[str]:
        """Put a checkpoint's tensors in place of this model's, without a copy.

        Returns the names of the parameters that had to be initialised. `source` is for messages.
        Raises `CheckpointError` if nothing fits, or a size differs.
        """
        own = self.state_dict()
        found: dict[str, Tensor] = {}
        used: set[str] = set()
        mismatched: list[str] = []
        for name, here in own.items():
            keys = [key for key in self._candidates(self.checkpoint_key(name)) if key in tensors]
            if not keys:
                continue
            used.update(keys)
            tensor = tensors[keys[0]]
            if tensor.shape == here.shape:
                found[name] = tensor
            else:
                mismatched.append(f"{keys[0]} {tuple(tensor.shape)} -> {tuple(here.shape)}")
        if not found:
            raise CheckpointError(
                f"{source}: none of its {len(tensors)} tensors belongs to {type(self).__name__}; "
                "is it a checkpoint of another architecture?"
            )
        if mismatched and not ignore_mismatched_sizes:
            raise CheckpointError(
                f"{source}: sizes differ from those that its config gives {type(self).__name__}: "
                f"{_short(mismatched)}. Pass ignore_mismatched_sizes=True to initialise these anew"
            )
        missing = [name for name in own if name not in found]
        self.load_state_dict(found, strict=False, assign=True)
        self._fill(set(missing))
        named = [name for name in missing if not name.endswith(_COMPUTED)]
        unexpected = [key for key in tensors if key not in used and not key.endswith(_COMPUTED)]
        if named:
            logger.warning("%s lacks and so are initialised: %s", source, _short(named))
        # A checkpoint that names several heads has tensors of the others too.
        if unexpected and len(self.config.architectures or ()) < 2:
            logger.warning("%s has, and are not used: %s", source, _short(unexpected))
        return named

    def _candidates(self, key: str) -> Iterable[str]:
        # A base checkpoint has no prefix where a head has one, and the reverse.
        prefix = self.base_prefix + "."
        yield key
        yield key.removeprefix(prefix) if key.startswith(prefix) else prefix + key
        for end, others in self.aliases.items():
            if key.endswith(end):
                yield from others

    def _fill(self, missing: set[str]) -> None:
        """Give memory and initial values to the parameters and buffers in `missing`."""
        for prefix, module in self.named_modules():
            own = {name.rpartition(".")[2] for name in missing if name.rpartition(".")[0] == prefix}
            for name in own:
                tensor = getattr(module, name)
                empty = torch.empty_like(tensor, device="cpu")
                if isinstance(tensor, nn.Parameter):
                    empty = nn.Parameter(empty, tensor.requires_grad)
                setattr(module, name, empty)
            if own:
                with torch.no_grad():
                    self.initialise(module, own)

    def initialise(self, module: nn.Module, names: set[str]) -> None:
        """Set the parameters and buffers `names` of one module to their initial values."""
        raise NotImplementedError

    def initialise_all(self) -> Self:
        """Set every parameter to its initial value; returns the model itself."""
        self._fill(set(self.state_dict()))
        return self

    def save_pretrained(self, folder: str | Path) -> None:
        """Write `config.json` and `model.safetensors`, which the public library reads as well."""
        folder = Path(folder)
        config = self.config.model_copy(update={"architectures": [type(self).__name__]})
        config.save_pretrained(folder)
        write_tensors(folder, self.checkpoint_tensors())

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """The parameters' floating-point type."""
        return next(self.parameters()).dtype


def _short(names: list[str], most: int = 8) -> str:
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
