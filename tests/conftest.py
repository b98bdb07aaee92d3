"""What makes the whole suite run alike everywhere: threads, the model hub, property tests."""

import os
import sys
import tempfile

# Before anything imports torch: several test processes share few cores, and OpenMP threads that
# wait for a core make each of them many times slower.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["TRANSFORMERS_VERBOSITY"] = "error"
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
# A developer's own settings of the hub must not decide what a test sees.
for name in ("HF_ENDPOINT", "HF_HUB_OFFLINE", "HF_TOKEN", "HF_HUB_CACHE", "TRANSFORMERS_OFFLINE"):
    os.environ.pop(name, None)
_HUB = tempfile.TemporaryDirectory(prefix="pageloom-tests-hub-")
os.environ["HF_HOME"] = _HUB.name

from hypothesis import HealthCheck, settings  # noqa: E402

settings.register_profile(
    "pageloom",
    max_examples=30,
    deadline=None,  # the machine may be busy
    database=None,  # test processes would share it
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("pageloom")


def pytest_configure() -> None:
    if "torch" in sys.modules:  # a plugin was faster
        sys.modules["torch"].set_num_threads(1)
