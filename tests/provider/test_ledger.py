"""The ledger in real databases: what is claimed once, done once, and done again when it should."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from pageloom_provider.ledger import Ledger, Run
from pageloom_provider.ledger_cli import app
from pageloom_provider.spec import Document
from pageloom_provider.tables import transaction

NIGHT, MORNING = Run("invoices", "night"), Run("invoices", "morning")


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request, tmp_path, monkeypatch):
    """How a command names the ledger's database."""
    if request.param == "sqlite":
        return ["--sqlite", str(tmp_path / "ledger.sqlite")]
    uri = request.getfixturevalue("postgresql_uri")
    monkeypatch.setenv("AIRFLOW_CONN_LEDGER", uri.replace("postgresql", "postgres", 1))
    return ["--conn-id", "ledger"]


@pytest.fixture
def ledger(place):
    name, value = place
    return Ledger.open(
        value if name == "--conn-id" else None, value if name == "--sqlite" else None
    )


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch):
    """What the command tells Airflow about its process ends with the test."""
    monkeypatch.setenv("_AIRFLOW_PROCESS_CONTEXT", "")
    monkeypatch.delenv("_AIRFLOW_PROCESS_CONTEXT")


def documents(*names, content=None):
    return [
        Document(
            uri=f"file:///in/{name}",
            sha256=hashlib.sha256((content or name).encode()).hexdigest(),
        )
        for name in names
    ]


def claim(ledger, wanted, run, over=(), version="1", **settings):
    got = ledger.claim(
        wanted, run, over.__contains__, pipeline="invoices", version=version, **settings
    )
    return [document.uri.rpartition("/")[2] for document in got]


def settle(ledger, run, done=(), failed=()):
    with transaction(ledger.hook) as cursor:
        ledger.settle(
            run,
            "invoices",
            cursor,
            [document.sha256 for document in done],
            {document.sha256: "no pages" for document in failed},
        )


def states(ledger, **given):
    return {
        entry.document_uri.rpartition("/")[2]: (entry.state, entry.attempts)
        for entry in ledger.entries(**given)
    }


def test_a_document_that_was_done_is_not_listed_again(ledger):
    a, b = documents("a.pdf", "b.pdf")
    assert claim(ledger, [a, b], NIGHT) == ["a.pdf", "b.pdf"]
    settle(ledger, NIGHT, done=[a], failed=[b])
    assert claim(ledger, [a, b, *documents("c.pdf")], MORNING) == ["c.pdf"]
    assert states(ledger) == {"a.pdf": ("done", 1), "b.pdf": ("failed", 1), "c.pdf": ("running", 1)}
    [failed] = ledger.entries(state="failed")
    assert (failed.error, failed.run_id) == ("no pages", "night")


def test_the_content_counts_and_not_the_name(ledger):
    first = documents("a.pdf", content="one")
    claim(ledger, first, NIGHT)
    settle(ledger, NIGHT, done=first)
    assert claim(ledger, documents("moved.pdf", content="one"), MORNING) == []
    assert claim(ledger, documents("a.pdf", content="another"), MORNING) == ["a.pdf"]


def test_a_new_version_does_everything_again_beside_the_old(ledger):
    wanted = documents("a.pdf")
    claim(ledger, wanted, NIGHT)
    settle(ledger, NIGHT, done=wanted)
    assert claim(ledger, wanted, MORNING, version="2") == ["a.pdf"]
    assert [(entry.version, entry.state) for entry in ledger.entries(version="1")] == [
        ("1", "done")
    ]


def test_all_lists_again_what_is_done_but_not_what_another_run_has(ledger):
    a, b = documents("a.pdf", "b.pdf")
    claim(ledger, [a, b], NIGHT)
    settle(ledger, NIGHT, done=[a])
    assert claim(ledger, [a, b], MORNING, new="all") == ["a.pdf"]


def test_names_of_finished_documents_are_known(ledger):
    a, b = documents("a.pdf", "b.pdf")
    claim(ledger, [a, b], NIGHT)
    settle(ledger, NIGHT, done=[a])
    assert ledger.names("invoices", "1") == {"file:///in/a.pdf"}
    assert ledger.names("invoices", "2") == frozenset()


def test_a_task_that_is_tried_again_gets_its_own_documents_again(ledger):
    wanted = documents("b.pdf", "a.pdf")
    assert claim(ledger, wanted, NIGHT) == claim(ledger, wanted, NIGHT) == ["b.pdf", "a.pdf"]
    assert states(ledger) == {"a.pdf": ("running", 1), "b.pdf": ("running", 1)}


def test_what_a_dead_run_left_is_done_by_the_next_and_not_written_by_the_dead(ledger):
    wanted = documents("a.pdf")
    claim(ledger, wanted, NIGHT)
    assert claim(ledger, wanted, MORNING) == []
    assert claim(ledger, wanted, MORNING, over=[NIGHT]) == ["a.pdf"]
    assert ledger.held(NIGHT, "invoices") == frozenset()
    settle(ledger, NIGHT, failed=wanted)
    assert states(ledger) == {"a.pdf": ("running", 2)}


def test_a_document_that_ends_every_run_is_given_up(ledger):
    wanted = documents("poison.pdf")
    runs = [Run("invoices", str(number)) for number in range(5)]
    for number, run in enumerate(runs):
        got = claim(ledger, wanted, run, over=runs[:number], max_attempts=3)
        assert got == (["poison.pdf"] if number < 3 else [])
    [entry] = ledger.entries()
    assert (entry.state, entry.error) == ("failed", "3 runs began it and none finished it")


def test_what_was_seen_earlier_comes_first_so_that_batches_stay_as_they_were(ledger):
    claim(ledger, documents("k.pdf", "m.pdf"), NIGHT)
    wanted = documents("a.pdf", "k.pdf", "l.pdf", "m.pdf")
    assert claim(ledger, wanted, MORNING, over=[NIGHT]) == ["k.pdf", "m.pdf", "a.pdf", "l.pdf"]


def test_of_runs_that_claim_at_once_one_gets_each_document(ledger):
    wanted = documents(*(f"{number}.pdf" for number in range(600)))
    start = Barrier(4)

    def run(number):
        start.wait()
        return claim(ledger, wanted, Run("invoices", str(number)))

    with ThreadPoolExecutor(4) as pool:
        got = [name for names in pool.map(run, range(4)) for name in names]
    assert sorted(got) == sorted(f"{number}.pdf" for number in range(600))


def test_ledgers_that_are_made_at_once_are_one(place, ledger):
    start = Barrier(6)

    def make(number):
        start.wait()
        return Ledger(ledger.hook, "another").entries()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(make, range(6))) == [[]] * 6


def test_a_document_stays_held_while_its_transaction_lasts(ledger):
    """The writer goes first; who takes its document from it waits until the rows are there."""
    wanted = documents("a.pdf")
    claim(ledger, wanted, NIGHT)
    order = []
    with ThreadPoolExecutor(1) as pool:
        with transaction(ledger.hook) as cursor:
            assert ledger.held(NIGHT, "invoices", cursor) == {wanted[0].sha256}
            taking = pool.submit(
                lambda: (claim(ledger, wanted, MORNING, over=[NIGHT]), order.append("taken"))
            )
            with pytest.raises(TimeoutError):
                taking.result(timeout=0.3)
            ledger.settle(NIGHT, "invoices", cursor, [wanted[0].sha256], {})
            order.append("written")
        assert taking.result(timeout=30)[0] == []
    assert order == ["written", "taken"]


@given(data=st.data())
def test_no_document_is_lost_and_none_is_done_twice(data):
    """Runs that claim, finish and die in any order; at the end a last run does what is left."""
    import tempfile

    names = data.draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=6, unique=True))
    with tempfile.TemporaryDirectory() as folder:
        ledger = Ledger.open(None, f"{folder}/ledger.sqlite")
        finished, over = [], []
        for number in range(data.draw(st.integers(1, 4), label="runs")):
            run = Run("invoices", str(number))
            wanted = documents(*data.draw(st.permutations(names)))
            got = claim(ledger, wanted, run, over, max_attempts=9)
            done = data.draw(st.integers(0, len(got)), label="finished")
            settle(ledger, run, done=documents(*got[:done]))
            finished += got[:done]
            if data.draw(st.booleans(), label="ends"):
                over.append(run)
        over = [Run("invoices", str(number)) for number in range(4)]
        finished += claim(ledger, documents(*names), MORNING, over, max_attempts=9)
        assert sorted(finished) == sorted(names)


def invoke(*arguments):
    ran = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return ran.exit_code, ran.output


def test_the_command_lists_and_resets(place, ledger):
    a, b = documents("a.pdf", "b%_.pdf")
    claim(ledger, [a, b], NIGHT)
    settle(ledger, NIGHT, done=[a], failed=[b])
    code, output = invoke("list", *place, "--state", "failed")
    assert code == 0
    assert f"{b.sha256[:12]}  failed " in output
    assert "no pages" in output
    assert "a.pdf" not in output

    assert invoke("reset", *place, "--uri", "*/b%_*") == (0, "1 documents are new again\n")
    assert claim(ledger, [a, b], MORNING) == ["b%_.pdf"]
    assert invoke("reset", *place, a.sha256[:10]) == (0, "1 documents are new again\n")
    assert states(ledger)["a.pdf"] == ("new", 0)
    assert invoke("reset", *place, "--all") == (0, "2 documents are new again\n")


def test_the_command_speaks_json(place, ledger):
    import json

    claim(ledger, documents("a.pdf"), NIGHT)
    _, output = invoke("list", *place, "--json")
    [entry] = [json.loads(line) for line in output.splitlines()]
    assert (entry["state"], entry["run_id"]) == ("running", "night")


@pytest.mark.usefixtures("metadata_database")
def test_the_command_knows_the_connections_of_airflows_database(tmp_path):
    from airflow.models import Connection
    from airflow.utils.session import create_session

    path = tmp_path / "ledger.sqlite"
    claim(Ledger.open(None, str(path)), documents("a.pdf"), NIGHT)
    with create_session() as session:
        session.add(Connection(conn_id="kept_in_airflow", conn_type="sqlite", host=str(path)))
    code, output = invoke("list", "--conn-id", "kept_in_airflow")
    assert code == 0
    assert output.endswith("file:///in/a.pdf\n1 documents\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reset", "--sqlite", "x"], "say which documents"),
        (["list"], "give --conn-id or --sqlite"),
        (["list", "--sqlite", "x", "--state", "lost"], "new, running, done, failed"),
        (["list", "--sqlite", "x"], "x: there is no such file"),
    ],
)
def test_the_command_says_what_it_needs(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, output = invoke(*arguments)
    assert code == 2
    assert message in " ".join(output.split())
    assert not list(tmp_path.iterdir())
