// The screen of a run's documents: filters, and a list that grows while it is scrolled.

import { announce, badge, confidence, count, h, number, say, whenNear } from "./elements.js";
import { filtersOf, listing } from "./listing.js";
import { toDocument, toRun } from "./routes.js";
import { moment, nameOf } from "./runs.js";
import { source } from "./source.js";

const STATUSES = ["ok", "partial", "failed"];
const BELOW = [["", "Any confidence"], ["0.95", "Below 95%"], ["0.9", "Below 90%"], ["0.8", "Below 80%"], ["0.5", "Below 50%"]];
const REVIEW = [["", "Any review"], ["waiting", "Review waiting"], ["done", "Review done"]];
const SORT = [["", "As they were read"], ["lowest", "Least sure first"], ["status", "Failed first"], ["name", "By name"]];

function thumbnail(run, one) {
  const frame = h("span", { class: "thumb", "aria-hidden": "true" });
  if (!one.pages) return frame;
  return whenNear(frame, () => {
    const address = source.picture(run, one.id, one.first_page ?? 1, 240);
    if (address) frame.append(h("img", { src: address, alt: "", decoding: "async", error: (event) => event.target.remove() }));
  });
}

function notes(one) {
  const kinds = Object.entries(one.classes ?? {}).sort((a, b) => b[1] - a[1]).slice(0, 1);
  return [
    ...kinds.map(([name]) => h("span", { class: "chip" }, say(name))),
    one.failed_checks ? h("span", { class: "chip bad" }, `${count(one.failed_checks, "check")} failed`) : null,
    one.errors ? h("span", { class: "chip bad" }, count(one.errors, "error")) : null,
    one.review ? h("span", { class: `chip ${one.review}` }, `review ${one.review}`) : null,
  ];
}

function row(run, one) {
  return h("tr", { class: "row", "data-id": one.id },
    h("td", { class: "picture" }, thumbnail(run, one)),
    h("th", { scope: "row" }, h("a", { href: toDocument(run, one.id), class: "cover" }, say(one.name)), h("span", { class: "chips" }, notes(one))),
    h("td", { "data-name": "Status" }, badge(one.status)),
    h("td", { class: "figure", "data-name": "Pages" }, number(one.pages)),
    h("td", { class: "figure", "data-name": "Fields" }, number(one.fields)),
    h("td", { "data-name": "Lowest" }, confidence(one.lowest, "Lowest confidence")));
}

function choice(name, label, options, filters, changed) {
  return h("select", { "aria-label": label, name, class: filters[name] ? "set" : null, change: (event) => changed(name, event.target.value) },
    options.map(([value, text]) => h("option", { value, selected: value === (filters[name] ?? "") }, text)));
}

/** Show a run's documents in `main`. */
export async function showDocuments(main, { run, values, signal, note }) {
  let list = listing(run, filtersOf(values));
  if (!list.rows.length && !list.done) await list.more(signal);
  if (!list.about) {
    const { runs } = await source.runs({ limit: 50 }, signal);
    list.about = runs.find((one) => one.id === run) ?? { id: run };
  }
  const about = list.about;
  const body = h("tbody");
  const told = h("p", { class: "told" });
  const nothing = h("div", { class: "empty", hidden: true });
  const more = h("button", { type: "button", class: "more", click: () => load() }, "Show more documents");
  const filters = h("div", { class: "filters", role: "group", "aria-label": "Filters" });
  const box = h("input", {
    type: "search", id: "search", value: list.filters.search ?? "", placeholder: "Find a document or a value", "aria-label": "Find a document or a value",
    "aria-keyshortcuts": "/", autocomplete: "off", spellcheck: "false",
    input: () => soon(),
  });
  let asked = new AbortController();
  let timer = 0;
  let busy = false;

  function soon() {
    clearTimeout(timer);
    timer = setTimeout(() => change("search", box.value.trim()), 200);
  }

  async function change(name, value) {
    clearTimeout(timer);
    asked.abort();
    asked = new AbortController();
    const known = { about, labels: list.labels, counts: list.counts };
    // What was typed last may still wait for its turn.
    const wanted = { ...list.filters, search: box.value.trim(), [name]: value };
    list = Object.assign(listing(run, filtersOf(wanted)), known);
    note(toRun(run, list.filters));
    draw();
    body.replaceChildren();
    busy = false;
    await (list.rows.length ? put(list.rows) : load());
  }

  function statuses() {
    const all = list.counts ?? (about.documents === undefined ? null : {
      failed: about.failed ?? 0, partial: about.partial ?? 0, ok: about.documents - (about.failed ?? 0) - (about.partial ?? 0),
    });
    const total = all && STATUSES.reduce((sum, name) => sum + all[name], 0);
    const button = (value, text, found) => h("button", {
      type: "button", "aria-pressed": String((list.filters.status ?? "") === value), click: () => change("status", value),
    }, text, all ? h("span", { class: "of" }, number(found)) : null);
    const shown = STATUSES.filter((name) => !all || all[name] || list.filters.status === name);
    return h("span", { class: "segments", role: "group", "aria-label": "Status" }, button("", "All", total), shown.map((name) => button(name, name, all?.[name])));
  }

  function draw() {
    const focused = document.activeElement?.getAttribute?.("name");
    const pressed = filters.contains(document.activeElement) && document.activeElement.closest(".segments");
    const labels = [["", "Any field"], ...list.labels.map((label) => [label, label])];
    const reviewed = list.filters.review || list.rows.some((one) => one.review);
    filters.replaceChildren(
      statuses(),
      labels.length > 1 ? choice("label", "Documents with the field", labels, list.filters, change) : "",
      choice("below", "Confidence", BELOW, list.filters, change),
      reviewed ? choice("review", "Review", REVIEW, list.filters, change) : "",
      choice("sort", "Order", SORT, list.filters, change));
    // What was just used keeps the focus.
    if (pressed) filters.querySelector(".segments [aria-pressed=true]")?.focus();
    else if (focused) filters.querySelector(`select[name="${CSS.escape(focused)}"]`)?.focus();
  }

  function put(rows) {
    body.append(...rows.map((one) => row(run, one)));
    const filtered = Object.keys(list.filters).some((name) => name !== "sort");
    told.textContent = `${count(list.total, "document")}${filtered ? " match" : ""}${filtered && list.total === 1 ? "es" : ""}`;
    more.hidden = list.done;
    nothing.hidden = list.total > 0;
    nothing.replaceChildren(filtered ? "No document matches." : "This run has no documents.",
      filtered ? h("button", { type: "button", class: "quiet", click: clear }, "Clear the filters") : "");
    announce(told.textContent);
    if (!list.done) whenNear(more, () => load());
  }

  function clear() {
    box.value = "";
    list = Object.assign(listing(run, {}), { about, labels: list.labels, counts: list.counts });
    change("search", "");
  }

  async function load() {
    if (busy || signal.aborted) return;
    busy = true;
    const mine = list;
    try {
      const rows = await mine.more(asked.signal);
      if (mine === list) {
        put(rows);
        if (mine.rows.length === rows.length) draw();
      }
    } catch (error) {
      if (error.name !== "AbortError") told.textContent = error.message;
    } finally {
      if (mine === list) busy = false;
    }
  }

  const head = ["", "Document", "Status", "Pages", "Fields", "Lowest confidence"];
  main.replaceChildren(
    h("div", { class: "head" }, h("h1", {}, say(about.dag_id || nameOf(about))), told, box,
      about.dag_id ? h("p", { class: "sub" }, say(about.run_id), moment(about.started), about.state ? badge(about.state) : "") : ""),
    filters,
    h("table", { class: "list documents" },
      h("caption", { class: "unseen" }, "Documents"),
      h("thead", {}, h("tr", {}, head.map((name) => (name ? h("th", { scope: "col", class: ["Pages", "Fields"].includes(name) ? "figure" : null }, name) : h("td"))))),
      body),
    nothing, h("p", { class: "after" }, more));
  draw();
  put(list.rows);
  return {
    title: about.dag_id || nameOf(about),
    path: [],
    keys: {},
    rows: () => [...body.querySelectorAll("a.cover")],
    restore() {
      if (!list.last) return false;
      const link = body.querySelector(`[data-id="${CSS.escape(list.last)}"] a`);
      if (!link) return false;
      link.focus({ preventScroll: true });
      scrollTo(0, list.scroll);
      return true;
    },
    leave() {
      list.scroll = scrollY;
    },
  };
}
