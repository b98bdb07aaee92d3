"""The viewer's page in a real browser: what a reader sees, points at and types."""

import re
import shutil
import socket
import threading
import time
from contextlib import contextmanager

import pytest

import pageloom
from pageloom.viewer.documents import read_runs
from pageloom.viewer.server import application
from tests.viewed import HOSTILE, document, field, many, page, receipt, sheet, write

playwright = pytest.importorskip("playwright.sync_api")
uvicorn = pytest.importorskip("uvicorn")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed"),
    # Playwright keeps an event loop of its own.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]
expect = playwright.expect
expect.set_options(timeout=20_000)

# A file's name has no slash.
HOSTILE_NAME = HOSTILE.replace("/", "")
WIDE, NARROW = {"width": 1280, "height": 800}, {"width": 360, "height": 740}


@contextmanager
def serving(app):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.02)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
        finally:
            server.should_exit = True
            thread.join(10)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("viewer")


@pytest.fixture(scope="module")
def hostile(folder):
    picture = page(sheet(folder))
    return document(
        HOSTILE_NAME, pages=[picture], fields={HOSTILE: [field(HOSTILE, value=HOSTILE)]},
        errors=[pageloom.DocumentError(HOSTILE, HOSTILE, 1, HOSTILE)], classes={HOSTILE: 0.5},
        checks=[pageloom.Check(HOSTILE, False, (HOSTILE,), HOSTILE)],
        answers=[pageloom.Answer(HOSTILE, HOSTILE, 0.5, 1, None, None, HOSTILE)], words=["x"],
        sha256="ee" * 32,
    )  # fmt: skip


@pytest.fixture(scope="module")
def docs(folder, hostile):
    gone = document("in/gone.png", pages=[page("gone/gone.png")], sha256="ef" * 32)
    error = pageloom.DocumentError("reader", "truncated", None, "torn.pdf: its end is missing")
    torn = document("in/torn.pdf", errors=[error], sha256="dd" * 32)
    return [receipt(folder), hostile, gone, torn]


@pytest.fixture(scope="module")
def address(folder, docs):
    with serving(application(read_runs([write(docs, folder / "results.spacy")]))) as address:
        yield address


@pytest.fixture(scope="module")
def report(folder, docs):
    pageloom.render(docs, folder / "report.html", title="results.spacy")
    return (folder / "report.html").as_uri()


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as engine:
        browser = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def look(browser):
    """A new page at an address; a script's error fails the test."""
    contexts, errors = [], []

    def look(address, **settings):
        context = browser.new_context(**{"viewport": WIDE, "reduced_motion": "reduce"} | settings)
        contexts.append(context)
        tab = context.new_page()
        tab.on("pageerror", lambda error: errors.append(error))
        tab.goto(address)
        return tab

    yield look
    for context in contexts:
        context.close()
    assert errors == []


def open_document(tab, name):
    tab.get_by_role("link", name=name).click()
    tab.get_by_role("heading", level=1, name=name).wait_for()


def names(tab):
    expect(tab.locator("main")).not_to_have_attribute("aria-busy", "true")
    return tab.locator("tbody th a").all_text_contents()


def lit(tab):
    marks = tab.locator(".mark.lit").evaluate_all("all => all.map(one => one.dataset.key)")
    rows = tab.locator(".finding.lit").evaluate_all("all => all.map(one => one.dataset.key)")
    return marks, rows


# The server and the file that `render` writes show the same page.
both = pytest.mark.parametrize("where", ["address", "report"])


@both
def test_a_list_leads_to_documents(look, request, where):
    tab = look(request.getfixturevalue(where))
    assert [name[:11] for name in names(tab)] == [
        "receipt.tif",
        HOSTILE_NAME[:11],
        "gone.png",
        "torn.pdf",
    ]
    expect(tab.get_by_role("row", name="receipt.tif")).to_contain_text(
        "receipt.tifreceipt1 check failed1 errorpartial2372%"
    )
    open_document(tab, "receipt.tif")
    expect(tab.get_by_role("button", name="total")).to_contain_text(["RM 9.00= 9.00"])
    expect(tab.get_by_role("region", name="Checks")).to_contain_text("7.00 + 1.00 = 8.00, not 9.00")
    expect(tab.get_by_role("region", name="Answers")).to_contain_text("Who signed?20%no answer")
    expect(tab.get_by_role("region", name="Classes")).to_contain_text("receipt90%")
    expect(tab.get_by_role("list", name="Errors")).to_contain_text("on page 2")
    picture = tab.get_by_role("img", name="Page 1 of receipt.tif")
    expect(picture).to_be_visible()
    assert picture.evaluate("image => image.naturalWidth") == 800


@both
@pytest.mark.parametrize(
    "query",
    ["", "search=ACME", "search=torn", "status=failed", "label=date", "below=0.8",
     "label=total&below=0.9", "sort=name", "sort=lowest", "sort=status", "status=ok&search=x"],
)  # fmt: skip
def test_filters_are_in_the_address(look, request, where, query, folder, docs):
    from pageloom.viewer.documents import Entry, Query, Run

    base, run = request.getfixturevalue(where), "1" if where == "address" else "report"
    asked = dict(pair.split("=") for pair in query.split("&") if pair)
    if "below" in asked:
        asked["below"] = float(asked["below"])
    wanted = Run("1", "", map(Entry.of, docs)).select(Query(**asked))
    tab = look(f"{base}#/runs/{run}?{query}")
    tab.locator("tbody tr, .empty:not([hidden])").first.wait_for()
    assert names(tab) == [entry.view["name"] for entry in wanted]


def test_filters_are_set_with_the_mouse_and_cleared(look, address):
    tab = look(address)
    tab.get_by_role("button", name="failed").click()
    expect(tab.locator("tbody tr")).to_have_count(1)
    tab.get_by_label("Documents with the field").select_option("date")
    expect(tab.get_by_text("No document matches.")).to_be_visible()
    assert tab.url.endswith("#/runs/1?status=failed&label=date")
    tab.get_by_role("button", name="Clear the filters").click()
    expect(tab.locator("tbody tr")).to_have_count(4)
    tab.keyboard.press("/")
    tab.keyboard.type("rm 9")
    expect(tab.locator("tbody tr")).to_have_count(1)
    expect(tab.get_by_role("status")).to_have_text("1 document matches")


@both
def test_a_field_lights_its_box_and_a_box_its_field(look, request, where):
    tab = look(request.getfixturevalue(where))
    open_document(tab, "receipt.tif")
    tab.locator(".sheet img").wait_for()
    total = tab.locator(".finding", has_text="RM 9.00")
    key = total.get_attribute("data-key")
    assert lit(tab) == ([], [])
    total.hover()
    assert lit(tab) == ([key], [key])
    expect(tab.locator(".callout")).to_have_text("totalRM 9.0072%")
    tab.get_by_role("heading", level=1).hover()
    assert lit(tab) == ([], [])
    tab.locator(f".mark[data-key={key}]").hover()
    assert lit(tab) == ([key], [key])
    tab.get_by_text("net tax total").hover()
    assert sorted(lit(tab)[0]) == ["f0", key], "a check lights the fields that it compared"


@pytest.mark.parametrize("zoom", [0, 3, -3])
def test_boxes_lie_where_the_view_says(look, address, zoom):
    tab = look(address)
    open_document(tab, "receipt.tif")
    tab.locator(".sheet img").wait_for()
    for _ in range(abs(zoom)):
        tab.keyboard.press("+" if zoom > 0 else "-")
    frame = tab.locator(".sheet").bounding_box()
    box = tab.locator(".mark[data-key=f1]").bounding_box()
    x, y = (box["x"] - frame["x"]) / frame["width"], (box["y"] - frame["y"]) / frame["height"]
    shares = [x, y, box["width"] / frame["width"], box["height"] / frame["height"]]
    assert shares == pytest.approx([0.1, 0.5, 0.2, 0.1], abs=2 / frame["width"])
    assert frame["width"] / frame["height"] == pytest.approx(800 / 1200, rel=0.01)


def test_zoom_keeps_its_place(look, address):
    tab = look(address)
    open_document(tab, "receipt.tif")
    tab.locator(".sheet img").wait_for()
    sheet_, mark = tab.locator(".sheet"), tab.locator(".mark[data-key=f1]")
    before = sheet_.bounding_box()["width"]
    place = mark.bounding_box()
    x, y = place["x"] + place["width"] / 2, place["y"] + place["height"] / 2
    tab.mouse.move(x, y)
    tab.keyboard.down("Control")
    tab.mouse.wheel(0, -300)
    tab.keyboard.up("Control")
    expect(tab.locator(".zoomed")).not_to_have_text("0%")
    after = mark.bounding_box()
    assert sheet_.bounding_box()["width"] > 2 * before
    assert after["x"] < x < after["x"] + after["width"]
    assert after["y"] < y < after["y"] + after["height"]
    tab.keyboard.press("w")
    assert tab.locator(".zoomed").text_content() == "100%"
    tab.keyboard.press("0")
    assert sheet_.bounding_box()["height"] < tab.locator(".pane").bounding_box()["height"]


def test_a_box_out_of_sight_comes_into_sight(look, address):
    tab = look(address)
    open_document(tab, "receipt.tif")
    tab.locator(".sheet img").wait_for()
    for _ in range(8):
        tab.keyboard.press("+")
    mark = tab.locator(".mark[data-key=f2]")
    expect(mark).not_to_be_in_viewport()
    tab.locator(".finding[data-key=f2]").hover()
    expect(mark).to_be_in_viewport()


@both
def test_pages_are_turned_and_fields_lead_to_theirs(look, request, where):
    tab = look(request.getfixturevalue(where))
    open_document(tab, "receipt.tif")
    expect(tab.get_by_text("Page 1 of 2")).to_be_visible()
    tab.keyboard.press("n")
    expect(tab.get_by_text("Page 2 of 2")).to_be_visible()
    assert tab.url.endswith("?page=2")
    tab.get_by_role("button", name="Page 1, with findings").click()
    date = tab.get_by_role("button", name="date")
    date.hover()
    expect(tab.get_by_role("button", name="Page 2, with findings")).to_have_class("lit")
    expect(tab.get_by_text("Page 1 of 2")).to_be_visible()
    date.click()
    expect(tab.get_by_role("img", name="Page 2 of receipt.tif")).to_be_visible()
    expect(date).to_have_attribute("aria-current", "true")
    assert tab.url.endswith("?field=date")


@both
@pytest.mark.parametrize(
    ("query", "page", "chosen"),
    [("field=date", "2", "f3"), ("field=total&rank=1", "1", "f2"), ("page=2", "2", None),
     ("field=none", "1", None), ("page=9", "1", None), ("answer=0", "1", "a0")],
)  # fmt: skip
def test_an_address_leads_to_a_field(look, request, where, query, page, chosen):
    base, run = request.getfixturevalue(where), "1" if where == "address" else "report"
    tab = look(f"{base}#/runs/{run}/documents/{'ab' * 32}?{query}")
    expect(tab.get_by_text(f"Page {page} of 2")).to_be_visible()
    keys = tab.locator(".finding[aria-current]").evaluate_all("all => all.map(a => a.dataset.key)")
    assert keys == ([chosen] if chosen else [])


def test_all_is_done_with_the_keyboard(look, address):
    tab = look(address)
    tab.locator("tbody tr").first.wait_for()
    tab.keyboard.press("j")
    tab.keyboard.press("Enter")
    expect(tab.get_by_role("heading", level=1)).to_have_text("receipt.tif")
    tab.keyboard.press("j")
    tab.keyboard.press("j")
    assert lit(tab) == (["f1"], ["f1"])
    assert tab.url.endswith("?field=total")
    tab.keyboard.press("Escape")
    assert lit(tab) == ([], [])
    tab.keyboard.press("b")
    expect(tab.locator(".mark").first).to_be_hidden()
    expect(tab.get_by_text("1 of 4")).to_be_visible()
    tab.keyboard.press("]")
    tab.keyboard.press("]")
    expect(tab.get_by_role("heading", level=1)).to_have_text("gone.png")
    tab.keyboard.press("u")
    expect(tab.get_by_role("link", name="gone.png")).to_be_focused()
    tab.keyboard.press("?")
    expect(tab.get_by_role("dialog", name="Keys")).to_be_visible()
    tab.keyboard.press("Escape")
    expect(tab.get_by_role("dialog")).to_be_hidden()
    expect(tab.get_by_role("heading", level=1)).to_have_text("results.spacy")


@both
def test_what_documents_say_is_text(look, request, where):
    tab = look(request.getfixturevalue(where))
    tab.get_by_role("link", name=HOSTILE_NAME).click()
    tab.get_by_role("heading", level=1, name=HOSTILE_NAME).wait_for()
    tab.locator(".finding").first.click()
    assert tab.evaluate("typeof hacked") == "undefined"
    assert tab.locator("img[src=x]").count() == 0
    assert HOSTILE in tab.locator(".facts").inner_text()


def test_links_lead_to_this_server_only(look, address):
    def answer(route):
        view = route.fetch().json()
        hrefs = [
            "/dags/a",
            "javascript:hacked=1",
            "//evil.example/",
            "/\\evil.example",
            "https://e",
        ]
        view["links"] = [{"text": f"Log {n}", "href": href} for n, href in enumerate(hrefs)]
        route.fulfill(json=view)

    tab = look(address)
    tab.route(re.compile(r"/documents/abab\w+$"), answer)
    open_document(tab, "receipt.tif")
    links = tab.get_by_role("region", name="Links")
    expect(links).to_contain_text("Log 4")
    hrefs = links.get_by_role("link").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    assert hrefs == ["/dags/a"]


@both
def test_a_page_without_a_picture_says_why(look, request, where):
    tab = look(request.getfixturevalue(where))
    open_document(tab, "gone.png")
    expect(tab.get_by_text("No picture of page 1")).to_be_visible()
    expect(tab.locator(".excuse")).to_contain_text("gone/gone.png")


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "You are logged out."), (403, "You may not see this."), (500, "The disk is full.")],
)
def test_what_the_server_refuses_is_told(look, address, status, words):
    tab = look("about:blank")
    tab.route("**/api/**", lambda route: route.fulfill(status=status, json={"detail": words}))
    tab.goto(address)
    expect(tab.get_by_role("alert")).to_contain_text(words)
    tab.unroute_all()
    tab.get_by_role("button", name="Try again").click()
    expect(tab.locator("tbody tr")).to_have_count(4)


def test_a_thousand_documents_come_in_parts(look, folder):
    with serving(application(read_runs([write(many(folder, 1000), folder / "m.spacy")]))) as base:
        asked = []
        tab = look("about:blank")
        tab.on("request", lambda request: asked.append(request.url))
        tab.goto(base)
        rows = tab.locator("tbody tr")
        expect(tab.get_by_role("status")).to_have_text("1,000 documents")
        expect(rows).to_have_count(50)
        tab.wait_for_timeout(300)
        assert 5 < sum("width=240" in url for url in asked) < 40, "of those in sight alone"
        tab.mouse.wheel(0, 100_000)
        expect(rows).to_have_count(100)
        open_document(tab, "0055.png")
        expect(tab.get_by_text("56 of 1,000")).to_be_visible()
        tab.go_back()
        expect(tab.get_by_role("link", name="0055.png")).to_be_focused()
        expect(tab.get_by_role("link", name="0055.png")).to_be_in_viewport()
        tab.get_by_label("Order").select_option("lowest")
        expect(rows.first).to_contain_text("0998.png")


@both
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_light_or_dark_as_the_system_is(look, request, where, scheme):
    tab = look(request.getfixturevalue(where), color_scheme=scheme)
    tab.locator("tbody tr").first.wait_for()
    colours = "getComputedStyle(document.body).backgroundColor.match(/[.\\d]+/g).map(Number)"
    assert (sum(tab.evaluate(colours)[:3]) > 384) == (scheme == "light")


def test_within_a_frame_it_is_as_its_frame_is(look, folder, report):
    text = (folder / "report.html").read_text(encoding="utf8")
    outer = '<html class="dark"><iframe src="/inner" sandbox="allow-scripts allow-same-origin">'
    tab = look("about:blank", color_scheme="light")
    tab.route("**/outer", lambda route: route.fulfill(content_type="text/html", body=outer))
    tab.route("**/inner", lambda route: route.fulfill(content_type="text/html", body=text))
    tab.goto("http://pageloom.test/outer")
    root = tab.frame_locator("iframe").locator("html")
    expect(root).to_have_attribute("data-theme", "dark")
    tab.evaluate("document.documentElement.className = 'light'")
    expect(root).to_have_attribute("data-theme", "light")


@pytest.mark.parametrize("screen", ["", "receipt.tif", "torn.pdf", "gone.png"])
def test_a_small_screen_shows_all_without_scrolling_sideways(look, address, screen):
    tab = look(address, viewport=NARROW, has_touch=True)
    tab.locator("tbody tr").first.wait_for()
    if screen:
        open_document(tab, screen)
    assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    if screen == "receipt.tif":
        tab.get_by_role("button", name="total").first.tap()
        expect(tab.locator(".mark.lit")).to_be_in_viewport()


@both
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_it_is_accessible(look, request, where, scheme, size):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    tab = look(request.getfixturevalue(where), color_scheme=scheme, viewport=size)
    for screen in (None, "receipt.tif", "torn.pdf"):
        tab.locator("tbody tr").first.wait_for()
        if screen:
            open_document(tab, screen)
        found = axe.Axe().run(tab).response["violations"]
        places = [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]
        assert places == []
        if screen:
            tab.keyboard.press("u")


def test_a_report_asks_for_nothing(look, report):
    tab = look("about:blank")
    asked = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(report)
    open_document(tab, "receipt.tif")
    tab.locator(".sheet img").wait_for()
    assert {url.partition(":")[0] for url in asked if url != report} <= {"data"}
