// What was found in a document, beside its pages: fields, checks, answers, classes, errors, links.

import { colour, confidence, count, h, icon, percent, say } from "./elements.js";

const SHOWN = 3;

const section = (title, ...content) => h("section", { "aria-label": title }, h("h2", {}, title), ...content);

/** Open a link of Airflow's in the whole window, also from within the frame of Airflow's page. */
function leave(event) {
  if (parent === window || event.ctrlKey || event.metaKey || event.shiftKey) return;
  try {
    // The frame may not move its parent; a link of the parent's own may.
    const link = parent.document.createElement("a");
    link.href = event.currentTarget.href;
    event.preventDefault();
    link.click();
  } catch {
    // A parent of another origin: the link opens here.
  }
}

function field(row) {
  const pages = [...new Set(row.places.map((place) => place.page))].sort((a, b) => a - b);
  const shown = pages.length ? pages : row.page === null ? [] : [row.page];
  return h("button", { type: "button", class: `finding ${row.best ? "best" : "other"}`, "data-key": row.key, style: { "--c": colour(row.label) } },
    h("span", { class: "label" }, row.best ? say(row.label) : h("span", { class: "unseen" }, `${row.label}, another value`),
      row.failed ? h("span", { class: "warn", title: "A check of this field failed" }, icon("failed"), h("span", { class: "unseen" }, "a check failed")) : null),
    confidence(row.score),
    h("span", { class: "text" }, say(row.text), row.value && row.value !== row.text ? h("span", { class: "value" }, "= ", say(row.value)) : null),
    h("span", { class: "where" }, shown.length ? `p. ${shown.slice(0, 3).join(", ")}${shown.length > 3 ? " …" : ""}` : ""));
}

function fields(rows) {
  const byLabel = Map.groupBy ? Map.groupBy(rows, (row) => row.label) : rows.reduce((all, row) => all.set(row.label, [...(all.get(row.label) ?? []), row]), new Map());
  const groups = [...byLabel.values()].map((group) => {
    const items = group.map((row, at) => h("li", { hidden: at >= SHOWN }, field(row)));
    const rest = group.length - SHOWN;
    if (rest <= 0) return items;
    const button = h("button", { type: "button", class: "quiet rest", click: () => {
      for (const item of items) item.hidden = false;
      button.parentElement.remove();
      items[SHOWN].firstElementChild.focus();
    } }, `${count(rest, "more value")}`, h("span", { class: "unseen" }, ` of ${group[0].label}`));
    return [...items, h("li", {}, button)];
  });
  return h("ul", { class: "findings" }, groups);
}

function check(one) {
  const state = one.passed === null ? "unknown" : one.passed ? "passed" : "failed";
  return h("li", { class: `check ${state}`, "data-labels": JSON.stringify(one.labels) },
    icon(state), h("div", {}, h("b", {}, say(one.name.replaceAll("_", " "))), h("span", { class: "state" }, state === "unknown" ? "not decided" : state), say(one.message, { class: "message" })));
}

function answer(row) {
  return h("li", {}, h("button", { type: "button", class: "finding answer", "data-key": row.key, style: { "--c": "var(--accent)" } },
    h("span", { class: "label" }, say(row.question)), confidence(row.score),
    h("span", { class: "text" }, row.text ? say(row.text) : h("i", {}, "no answer")),
    h("span", { class: "where" }, `${row.component}${row.page === null ? "" : `, p. ${row.page}`}`)));
}

function errors(view) {
  return h("ul", { class: "errors", "aria-label": "Errors" }, view.errors.map((error) => h("li", {},
    h("b", {}, say(error.component)), error.page === null ? "" : ` on page ${error.page}`, " ", h("code", {}, say(error.category)), h("div", {}, say(error.message)))));
}

function classes(view) {
  const sorted = Object.entries(view.classes).sort((a, b) => b[1] - a[1]);
  const item = ([name, share]) => h("li", {}, say(name), h("span", { class: "meter", "aria-hidden": "true" }, h("span", { style: { width: percent(share) } })), h("span", { class: "figure" }, percent(share)));
  const rest = sorted.slice(5);
  return [h("ul", { class: "classes" }, sorted.slice(0, 5).map(item)),
    rest.length ? h("details", {}, h("summary", {}, `${rest.length} less likely`), h("ul", { class: "classes" }, rest.map(item))) : ""];
}

function links(view) {
  // Paths of this server only: a link to anywhere else is shown as text.
  const own = ({ href }) => typeof href === "string" && /^\/(?![/\\])/.test(href);
  return h("ul", { class: "links" }, view.links.map((link) => h("li", {}, own(link) ? h("a", { href: link.href, click: leave }, link.text) : link.text)));
}

function details(view) {
  const sizes = [...new Set(view.pages.map(({ width, height }) => `${width} × ${height}`))];
  const pages = `${count(view.pages.length, "page")}${sizes.length === 1 ? `, ${sizes[0]} pixels` : ""}`;
  const pairs = [["Source", say(view.source)], ["Pages", pages], ["ID", h("code", {}, view.id)]];
  return h("dl", {}, pairs.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));
}

/**
 * The facts of a document. `light(keys)` is called for what is pointed at, `pick(key)` for what is
 * chosen; what is given back lights and picks rows in turn.
 */
export function makeFacts(view, rows, { light, pick }) {
  const found = rows.filter((row) => row.kind === "field");
  const answers = rows.filter((row) => row.kind === "answer");
  const element = h("div", { class: "facts" },
    view.errors.length ? errors(view) : "",
    section("Fields", found.length ? fields(found) : h("p", { class: "none" }, "No fields were found.")),
    view.checks.length ? section("Checks", h("ul", { class: "checks" }, view.checks.map(check))) : "",
    answers.length ? section("Answers", h("ul", { class: "findings" }, answers.map(answer))) : "",
    Object.keys(view.classes).length ? section("Classes", ...classes(view)) : "",
    view.links.length ? section("Links", links(view)) : "",
    section("Document", details(view)));

  const keysAt = (target) => {
    const one = target.closest?.("[data-key]");
    if (one) return [one.dataset.key];
    const checked = target.closest?.("[data-labels]");
    const labels = checked ? JSON.parse(checked.dataset.labels) : [];
    return rows.filter((row) => row.best && row.kind === "field" && labels.includes(row.label)).map((row) => row.key);
  };
  element.addEventListener("pointerover", (event) => light(keysAt(event.target)));
  element.addEventListener("pointerleave", () => light([]));
  element.addEventListener("focusin", (event) => light(keysAt(event.target)));
  element.addEventListener("focusout", () => light([]));
  element.addEventListener("click", (event) => {
    const one = event.target.closest("[data-key]");
    if (one) pick(one.dataset.key);
  });

  const buttons = () => [...element.querySelectorAll("[data-key]")];
  const at = (key) => buttons().find((button) => button.dataset.key === key);
  const nearest = (button) => {
    // Only this column moves: never the page under the reader's hand.
    const box = button.getBoundingClientRect();
    const frame = element.getBoundingClientRect();
    if (element.scrollHeight <= element.clientHeight) return;
    if (box.top < frame.top) element.scrollTop += box.top - frame.top - 12;
    else if (box.bottom > frame.bottom) element.scrollTop += box.bottom - frame.bottom + 12;
  };
  return {
    element,
    light(keys) {
      for (const button of buttons()) button.classList.toggle("lit", keys.includes(button.dataset.key));
      if (keys.length === 1 && at(keys[0])?.offsetParent) nearest(at(keys[0]));
    },
    pick(key) {
      for (const button of buttons()) button.toggleAttribute("aria-current", button.dataset.key === key);
      const button = key === null ? null : at(key);
      if (!button) return;
      button.setAttribute("aria-current", "true");
      if (button.parentElement.hidden) this.all();
      nearest(button);
    },
    /** Show every value of every label. */
    all() {
      for (const item of element.querySelectorAll(".findings > li")) item.hidden = false;
      for (const button of element.querySelectorAll(".rest")) button.parentElement.remove();
    },
    /** Move the focus by one row; the key of the row it is on then. */
    step(by) {
      const shown = buttons().filter((button) => button.offsetParent);
      const now = shown.indexOf(document.activeElement);
      const current = now >= 0 ? now : shown.findIndex((button) => button.hasAttribute("aria-current"));
      const next = shown[current < 0 ? (by > 0 ? 0 : shown.length - 1) : current + by];
      next?.focus({ preventScroll: true });
      return next?.dataset.key ?? null;
    },
  };
}
