"""Models by name: from a hub that answers on this machine, and checkpoints as they come."""

import hashlib
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file

from pageloom import CheckpointError
from pageloom.models import LayoutLMv2Config, LayoutLMv2ForTokenClassification
from pageloom.models.checkpoint import read_tensors, write_tensors
from pageloom.models.hub import resolve
from pageloom.processing import LayoutLMv2Tokenizer

FIRST, SECOND = "1" * 40, "2" * 40


class Hub:
    """Repositories with their commits, and every request that was made."""

    def __init__(self):
        self.repositories = {}
        self.requests = []
        self.gated = set()
        self.failing = False

    def add(self, name, files, commit=FIRST, branch="main"):
        """`files`: a folder, or contents by name."""
        if isinstance(files, Path):
            files = {file.name: file.read_bytes() for file in files.iterdir()}
        repository = self.repositories.setdefault(name, {"commits": {}, "branches": {}})
        repository["commits"][commit] = files
        repository["branches"][branch] = commit
        return name

    def fetched(self):
        """The names of the files that were sent."""
        return [
            path.rpartition("/")[2]
            for verb, path in self.requests
            if "/resolve/" in path and verb == "GET"
        ]

    def answer(self, verb, path):
        """(status, headers, body) as the hub gives them."""
        self.requests.append((verb, path))
        if self.failing:
            return 500, {}, b"down"
        parts = path.strip("/").split("/")
        api = parts[:2] == ["api", "models"]
        name = "/".join(parts[2:4] if api else parts[:2])
        kind, revision, *rest = [*(parts[4:] if api else parts[2:]), "", ""]
        repository = self.repositories.get(name)
        if repository is None:
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        if name in self.gated:
            return 403, {"X-Error-Code": "GatedRepo"}, b"{}"
        commit = repository["branches"].get(revision, revision)
        files = repository["commits"].get(commit)
        if files is None:
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        if api and kind == "revision":
            siblings = [{"rfilename": file} for file in files]
            return self.json({"id": name, "sha": commit, "siblings": siblings})
        if api and kind == "tree":
            return self.json(
                [
                    {"type": "file", "path": file, "size": len(data), "oid": digest(data)}
                    for file, data in files.items()
                ]
            )
        data = files.get("/".join(part for part in rest if part))
        headers = {"X-Repo-Commit": commit}
        if data is None:
            return 404, {**headers, "X-Error-Code": "EntryNotFound"}, b""
        return 200, {**headers, "ETag": f'"{digest(data)}"'}, data

    def json(self, value):
        return 200, {"Content-Type": "application/json"}, json.dumps(value).encode()


def digest(data):
    return hashlib.sha1(data).hexdigest()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub on this machine that this process asks, with an empty cache."""
    state = Hub()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, headers, body = state.answer(self.command, unquote(urlsplit(self.path).path))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    state.endpoint = f"http://127.0.0.1:{server.server_port}"
    state.cache = tmp_path / "cache"
    # What HF_ENDPOINT and HF_HUB_CACHE set; the library reads them once, when it is imported.
    template = f"{state.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "ENDPOINT", state.endpoint)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(state.cache))
    yield state
    server.shutdown()
    thread.join()
    server.server_close()


@contextmanager
def elsewhere(path):
    """In another folder, so that no folder here can be meant by a hub id."""
    before = Path.cwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)


def same(one, two):
    one, two = one.state_dict(), two.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.fixture(scope="module")
def model(tiny_tagger):
    return LayoutLMv2ForTokenClassification.from_pretrained(tiny_tagger)


class TestDownload:
    def test_a_model_and_its_tokenizer_by_id(self, hub, tiny_tagger, model):
        hub.add("acme/fields", tiny_tagger)
        assert same(LayoutLMv2ForTokenClassification.from_pretrained("acme/fields"), model)
        assert LayoutLMv2Tokenizer.from_pretrained("acme/fields").get_vocab()

    def test_the_second_time_it_comes_from_the_cache(self, hub, tiny_tagger):
        hub.add("acme/fields", tiny_tagger)
        folder = resolve("acme/fields")
        fetched = hub.fetched()
        assert sorted(fetched) == sorted(file.name for file in tiny_tagger.iterdir())
        assert resolve("acme/fields") == folder
        assert hub.fetched() == fetched
        assert folder.is_relative_to(hub.cache)

    def test_a_pinned_revision_stays_what_it_was(self, hub, tiny_tagger, tmp_path):
        newer = shutil.copytree(tiny_tagger, tmp_path / "newer")
        config = json.loads((newer / "config.json").read_text())
        (newer / "config.json").write_text(json.dumps({**config, "note": "newer"}))
        hub.add("acme/fields", tiny_tagger)
        hub.add("acme/fields", newer, commit=SECOND)
        newest = LayoutLMv2Config.from_pretrained("acme/fields")
        pinned = LayoutLMv2Config.from_pretrained("acme/fields", revision=FIRST)
        assert newest.note == "newer"
        assert not hasattr(pinned, "note")
        assert resolve("acme/fields", FIRST).name == FIRST
        hub.requests.clear()
        assert resolve("acme/fields", FIRST).name == FIRST
        assert hub.fetched() == []

    def test_only_what_is_needed_is_fetched(self, hub, tiny_tagger):
        files = {file.name: file.read_bytes() for file in tiny_tagger.iterdir()}
        hub.add(
            "acme/fields", {**files, "pytorch_model.bin": b"x", "tf_model.h5": b"x", "a.png": b"x"}
        )
        resolve("acme/fields")
        assert set(hub.fetched()) == set(files)
        hub.requests.clear()
        hub.add("acme/other", files)
        LayoutLMv2Config.from_pretrained("acme/other")
        assert hub.fetched() == ["config.json"]

    def test_a_repository_that_has_pytorch_model_bin_alone(self, hub, tiny_tagger, tmp_path, model):
        folder = as_bin(tiny_tagger, tmp_path / "bin")
        hub.add("acme/old", folder)
        assert same(LayoutLMv2ForTokenClassification.from_pretrained("acme/old"), model)
        assert hub.fetched().count("pytorch_model.bin") == 1

    def test_shards(self, hub, tiny_tagger, tmp_path, model):
        hub.add("acme/large", as_shards(tiny_tagger, tmp_path / "shards"))
        assert same(LayoutLMv2ForTokenClassification.from_pretrained("acme/large"), model)

    def test_a_folder_of_that_name_wins(self, hub, tiny_tagger, tmp_path):
        hub.add("acme/fields", {"config.json": b"{}"})
        shutil.copytree(tiny_tagger, tmp_path / "acme" / "fields")
        with elsewhere(tmp_path):
            assert resolve("acme/fields") == Path("acme/fields")
        assert hub.requests == []

    @pytest.mark.slow
    def test_in_another_process_through_the_environment(self, hub, tiny_tagger, tmp_path):
        hub.add("acme/fields", tiny_tagger)

        def run(*names, **environment):
            home = {"HF_HOME": str(tmp_path / "home"), "HF_ENDPOINT": hub.endpoint}
            done = subprocess.run(
                [sys.executable, "-c", PROGRAM, *names],
                env={**os.environ, **home, **environment},
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert done.returncode == 0, done.stderr
            return done.stdout.splitlines()

        assert run("acme/fields")[0].endswith(FIRST)
        hub.requests.clear()
        found, missing = run("acme/fields", "acme/other", HF_HUB_OFFLINE="1")
        assert found.endswith(FIRST)
        assert "acme/other: HF_HUB_OFFLINE is set and the files are not in the cache" in missing
        assert hub.requests == []


PROGRAM = """
import sys
from pageloom.models.hub import resolve
for name in sys.argv[1:]:
    try:
        print(resolve(name))
    except ValueError as error:
        print(type(error).__name__, error)
"""


class TestWhatTheHubCannotGive:
    def refused(self, name, message, revision=None):
        with pytest.raises(CheckpointError, match=message):
            resolve(name, revision)

    def test_no_such_repository(self, hub):
        self.refused(
            "acme/nothing", r"acme/nothing: neither a folder here nor a repository .*HF_TOKEN"
        )

    def test_no_such_revision(self, hub, tiny_tagger):
        hub.add("acme/fields", tiny_tagger)
        self.refused("acme/fields", "acme/fields: the hub has no revision 'v9'", "v9")
        self.refused("acme/fields", "acme/fields: the hub has no revision", "9" * 40)

    def test_a_repository_that_must_be_asked_for(self, hub, tiny_tagger):
        hub.add("acme/fields", tiny_tagger)
        hub.gated.add("acme/fields")
        self.refused("acme/fields", "acme/fields: access .*HF_TOKEN")

    def test_a_hub_that_is_out_of_order(self, hub, tiny_tagger):
        hub.add("acme/fields", tiny_tagger)
        hub.failing = True
        self.refused("acme/fields", r"acme/fields: .*give a folder")

    def test_a_hub_that_does_not_answer(self, hub, monkeypatch, tiny_tagger):
        hub.add("acme/fields", tiny_tagger)
        folder = resolve("acme/fields")
        monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens
        assert resolve("acme/fields") == folder
        self.refused("acme/other", r"acme/other: the hub cannot be reached .*give a folder")

    def test_something_that_answers_and_is_no_hub(self, hub, monkeypatch):
        hub.answer = lambda *_: (200, {"Content-Type": "text/html"}, b"<html>Log in</html>")
        self.refused("acme/fields", r"acme/fields: the hub at .* did not answer as expected")

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("", "the model's name is empty"),
            ("not a name", "neither a folder, nor a packaged model, nor a hub id"),
            ("/no/such/folder", "/no/such/folder: there is no such folder"),
            ("./models", "there is no such folder"),
            ("a/b/c", "there is no such folder"),
            ("pageloom/none", "no packaged model 'none'; there are"),
        ],
    )
    def test_names_that_no_hub_is_asked_for(self, hub, name, message):
        self.refused(name, message)
        assert hub.requests == []

    def test_a_file_is_no_folder(self, tiny_tagger):
        self.refused(tiny_tagger / "config.json", "is a file; give the folder")


def as_bin(source, folder, **options):
    """The same checkpoint with `pytorch_model.bin`."""
    shutil.copytree(source, folder)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin", **options)
    (folder / "model.safetensors").unlink()
    return folder


def as_shards(source, folder):
    """The same checkpoint in two files with an index."""
    shutil.copytree(source, folder)
    tensors = load_file(folder / "model.safetensors")
    names = sorted(tensors)
    where = {name: f"model-0000{1 + i % 2}-of-00002.safetensors" for i, name in enumerate(names)}
    for file in set(where.values()):
        save_file(
            {name: tensors[name].clone() for name in names if where[name] == file}, folder / file
        )
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    return folder


@pytest.fixture
def copy(tiny_tagger, tmp_path):
    return shutil.copytree(tiny_tagger, tmp_path / "copy")


def load(folder):
    return LayoutLMv2ForTokenClassification.from_pretrained(folder)


class TestCheckpointFiles:
    @pytest.mark.parametrize("zipped", [True, False])
    def test_both_formats_of_torch(self, tiny_tagger, tmp_path, model, zipped):
        folder = as_bin(tiny_tagger, tmp_path / "bin", _use_new_zipfile_serialization=zipped)
        assert same(load(folder), model)

    @pytest.mark.parametrize("left", [0, 4, 1000, -1])
    @pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
    def test_a_truncated_file_is_named(self, tiny_tagger, tmp_path, name, left):
        folder = tmp_path / "model"
        if name.endswith(".bin"):
            as_bin(tiny_tagger, folder)
        else:
            shutil.copytree(tiny_tagger, folder)
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(data[:left])
        with pytest.raises(CheckpointError, match=name):
            load(folder)

    def test_a_file_that_holds_code_is_not_run(self, copy):
        (copy / "model.safetensors").unlink()

        class Code:
            def __reduce__(self):
                return (os.mkdir, (str(copy / "ran"),))

        torch.save({"weight": Code()}, copy / "pytorch_model.bin")
        with pytest.raises(CheckpointError, match="could run code"):
            load(copy)
        assert not (copy / "ran").exists()

    def test_a_file_without_named_tensors(self, copy):
        (copy / "model.safetensors").unlink()
        torch.save([torch.zeros(1)], copy / "pytorch_model.bin")
        with pytest.raises(CheckpointError, match="holds a list, not named tensors"):
            load(copy)

    def test_shards_that_are_missing_are_named(self, tiny_tagger, tmp_path):
        folder = as_shards(tiny_tagger, tmp_path / "shards")
        (folder / "model-00002-of-00002.safetensors").unlink()
        with pytest.raises(CheckpointError, match=r"missing: model-00002-of-00002.safetensors"):
            load(folder)

    @pytest.mark.parametrize(
        "index", ["{", "[]", "{}", '{"weight_map": [1]}', '{"weight_map": {"a": 1}}']
    )
    def test_an_index_that_is_none(self, copy, index):
        (copy / "model.safetensors").unlink()
        (copy / "model.safetensors.index.json").write_text(index)
        with pytest.raises(CheckpointError, match=r"index.json: not a checkpoint's index"):
            load(copy)

    def test_an_index_cannot_name_files_elsewhere(self, copy, tmp_path):
        shutil.move(copy / "model.safetensors", tmp_path / "other.safetensors")
        index = {"weight_map": {"a": "../other.safetensors"}}
        (copy / "model.safetensors.index.json").write_text(json.dumps(index))
        with pytest.raises(CheckpointError, match=r"missing: other.safetensors"):
            load(copy)

    def test_no_tensors_at_all(self, copy):
        (copy / "model.safetensors").unlink()
        with pytest.raises(CheckpointError, match="no checkpoint here; looked for"):
            load(copy)

    def test_tensors_of_another_architecture(self, copy):
        write_tensors(copy, {"other.weight": torch.zeros(2)})
        with pytest.raises(CheckpointError, match="none of its 1 tensors belongs to LayoutLMv2For"):
            load(copy)

    def test_a_failed_write_leaves_the_old_file(self, copy, model):
        with pytest.raises(AttributeError):
            write_tensors(copy, {"weight": "not a tensor"})
        assert same(load(copy), model)
        assert not [file for file in copy.iterdir() if file.name.startswith(".")]

    def test_what_is_written_others_may_read(self, tmp_path):
        write_tensors(tmp_path, {"weight": torch.arange(3)})
        assert read_tensors(tmp_path)["weight"].tolist() == [0, 1, 2]
        assert (tmp_path / "model.safetensors").stat().st_mode & 0o444


class TestConfigFile:
    def change(self, folder, **values):
        file = folder / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **values}))
        return folder

    def test_none(self, tmp_path):
        with pytest.raises(CheckpointError, match=r"there is no config.json. Give the folder"):
            load(tmp_path)

    @pytest.mark.parametrize(
        ("text", "message"), [("{", "not valid JSON"), ("[]", "JSON object, got list")]
    )
    def test_no_json(self, copy, text, message):
        (copy / "config.json").write_text(text)
        with pytest.raises(CheckpointError, match=message):
            load(copy)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("hidden_size", "24"),
            ("has_relative_attention_bias", "yes"),
            ("layer_norm_eps", None),
            ("num_labels", "nine"),
            ("id2label", {"a": "O"}),
            ("id2label", {}),
            ("id2label", {"0": 1}),
            ("label2id", ["O"]),
            ("problem_type", "guess"),
            ("model_type", "bert"),
            ("coordinate_size", 5),
            ("image_feature_pool_shape", "7x7"),
            ("detectron2_config_args", []),
        ],
    )
    def test_a_wrong_value_is_named(self, copy, key, value):
        with pytest.raises(CheckpointError, match=rf"config.json: .*{key}"):
            load(self.change(copy, **{key: value}))

    def test_a_backbone_that_is_not_built_here_is_named(self, copy):
        with pytest.raises(CheckpointError, match=r"config.json: .*MODEL.RESNETS.DEPTH is 7"):
            load(self.change(copy, detectron2_config_args={"MODEL.RESNETS.DEPTH": 7}))

    def test_unknown_keys_are_kept(self, copy, tmp_path):
        extra = {
            "_name_or_path": "x",
            "torch_dtype": "float32",
            "custom": {"a": [1]},
            "empty": None,
        }
        load(self.change(copy, **extra)).save_pretrained(tmp_path / "again")
        written = json.loads((tmp_path / "again" / "config.json").read_text())
        assert {key: written[key] for key in extra} == extra
        assert LayoutLMv2Config.from_pretrained(tmp_path / "again").custom == {"a": [1]}

    def test_a_value_that_is_none_stays_none(self, tmp_path):
        LayoutLMv2Config(pad_token_id=None).save_pretrained(tmp_path)
        assert LayoutLMv2Config.from_pretrained(tmp_path).pad_token_id is None
