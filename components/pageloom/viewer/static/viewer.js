// The viewer: which screen is shown, the way back, and the keyboard.

import { showDocument } from "./document.js";
import { showDocuments } from "./documents.js";
import { h, say } from "./elements.js";
import { note, route, toRuns } from "./routes.js";
import { showRuns } from "./runs.js";

const main = document.getElementById("main");
const path = document.getElementById("path");
const dialog = document.getElementById("keys");

let screen = null;
let stop = new AbortController();
let first = true;

function go(address, replace = false) {
  if (replace) location.replace(address);
  else location.hash = address;
}

/** The way back from a screen; its own name is its heading. */
function drawPath(crumbs) {
  const items = [[toRuns(), "Documents"], ...crumbs];
  path.replaceChildren(...items.map(([address, text]) => h("li", {}, h("a", { href: address }, say(text)))));
}

function failed(error) {
  main.replaceChildren(h("div", { class: "empty", role: "alert" },
    h("h1", {}, "This cannot be shown"), h("p", {}, error.message),
    h("button", { type: "button", class: "quiet", click: open }, "Try again")));
  drawPath([]);
}

async function open() {
  screen?.leave?.();
  stop.abort();
  stop = new AbortController();
  const { signal } = stop;
  const where = route();
  const show = where.document ? showDocument : where.run ? showDocuments : showRuns;
  main.setAttribute("aria-busy", "true");
  try {
    const shown = await show(main, { ...where, signal, go, note });
    if (signal.aborted || !shown) return;
    screen = shown;
    document.title = `${shown.title} · Documents`;
    document.body.classList.toggle("full", Boolean(shown.full));
    drawPath(shown.path);
    if (!shown.restore?.()) {
      scrollTo(0, 0);
      if (!first) main.focus({ preventScroll: true });
    }
    first = false;
  } catch (error) {
    if (signal.aborted) return;
    screen = null;
    document.body.classList.remove("full");
    failed(error);
    if (!error.status && error.status !== 0) console.error(error);
  } finally {
    if (!signal.aborted) main.removeAttribute("aria-busy");
  }
}

const KEYS = [
  ["Lists", [["j k", "next, previous"], ["Enter", "open"], ["/", "search"]]],
  ["A document", [["j k", "next, previous field"], ["n p", "next, previous page"], ["] [", "next, previous document"], ["a", "all values of all fields"], ["Esc", "let go of the field; back to the list"], ["u", "back to the list"]]],
  ["Its page", [["+ −", "zoom"], ["0", "fit the page"], ["w", "fit the width"], ["b", "boxes on, off"]]],
];

function help() {
  dialog.replaceChildren(
    h("form", { method: "dialog" },
      h("h2", { id: "keys-title" }, "Keys"),
      KEYS.map(([title, keys]) => h("section", {}, h("h3", {}, title),
        h("dl", {}, keys.flatMap(([key, does]) => [h("dt", {}, key.split(" ").map((one) => h("kbd", {}, one))), h("dd", {}, does)])))),
      h("button", { type: "submit", class: "quiet", autofocus: true }, "Close")));
  dialog.showModal();
}

function step(by) {
  const rows = screen?.rows?.() ?? [];
  const now = rows.indexOf(document.activeElement);
  const next = rows[now < 0 ? (by > 0 ? 0 : rows.length - 1) : now + by];
  next?.focus();
  next?.closest("tr").scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || dialog.open || event.defaultPrevented) return;
  const { target, key } = event;
  if (target.closest?.("input, select, textarea")) {
    if (key === "Escape") target.blur();
    return;
  }
  const search = document.getElementById("search");
  // A page that is scrolled keeps its arrows.
  const scrolled = key.startsWith("Arrow") && target.closest?.(".pane, .strip");
  const acts = { "?": help, ...(search ? { "/": () => (search.focus(), search.select()) } : {}), ...(screen?.rows ? { j: () => step(1), k: () => step(-1), ArrowDown: () => step(1), ArrowUp: () => step(-1) } : {}), ...screen?.keys };
  if (!Object.hasOwn(acts, key) || scrolled) return;
  event.preventDefault();
  acts[key]();
});
document.getElementById("help").addEventListener("click", help);
dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

/** Within Airflow's page: light where that is light, dark where it is dark. */
function followFrame() {
  if (parent === window) return;
  try {
    const outer = parent.document.documentElement;
    const follow = () => {
      const theme = ["dark", "light"].find((name) => outer.classList.contains(name) || outer.dataset.theme === name);
      if (theme) document.documentElement.dataset.theme = theme;
    };
    new MutationObserver(follow).observe(outer, { attributes: true, attributeFilter: ["class", "data-theme"] });
    follow();
  } catch {
    // Another origin's page: the system's setting holds.
  }
}

followFrame();
addEventListener("hashchange", open);
open();
