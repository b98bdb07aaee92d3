// The screen of one document: its pages on one side, what was found in them on the other.

import { badge, confidence, h, number, say, tool } from "./elements.js";
import { makeFacts } from "./facts.js";
import { fullestPage, rowsOf } from "./findings.js";
import { listingOf } from "./listing.js";
import { toDocument, toRun } from "./routes.js";
import { nameOf } from "./runs.js";
import { makeSheet } from "./sheet.js";
import { source } from "./source.js";

/** Buttons to the documents before and after this one in the list that the reader came from. */
function neighbours(run, id, signal, go) {
  const list = listingOf(run);
  const told = h("span", { class: "told" });
  // Two steps may be asked for before the first one's document is here.
  let wanted = id;
  const to = async (by) => {
    const at = list.position(wanted);
    if (at + by >= list.rows.length) await list.more(signal);
    const next = at < 0 ? null : list.rows[at + by];
    if (!next) return;
    wanted = next.id;
    go(toDocument(run, wanted));
  };
  const back = tool("back", "Previous document", "[", () => to(-1), { disabled: true });
  const forth = tool("next", "Next document", "]", () => to(1), { disabled: true });
  const draw = () => {
    const at = list.position(id);
    told.textContent = at < 0 ? "" : `${number(at + 1)} of ${number(list.total)}`;
    back.disabled = at <= 0;
    forth.disabled = at < 0 || at + 1 >= list.total;
    element.hidden = at < 0 || list.total < 2;
  };
  const element = h("span", { class: "group", role: "group", "aria-label": "Documents" }, back, told, forth);
  element.hidden = true;
  const ready = list.rows.length ? Promise.resolve() : list.more(signal);
  ready.then(draw, () => {});
  list.last = id;
  return { element, list, back: () => to(-1), forth: () => to(1) };
}

/** Show a document in `main`. */
export async function showDocument(main, { run, document: id, values, signal, go, note }) {
  const view = await source.document(run, id, signal);
  const rows = rowsOf(view);
  const around = neighbours(run, id, signal, go);
  let pointed = [];
  let picked = null;
  let opened = null;

  const address = () => {
    const row = rows.find((one) => one.key === picked);
    const rank = row?.kind === "field" && row.rank ? row.rank : "";
    const named = row && row.kind === "field" ? { field: row.label, rank } : row ? { answer: row.key.slice(1) } : {};
    return toDocument(run, id, { ...named, page: row || sheet.page === opened ? "" : sheet.page });
  };
  const relight = (reveal = false) => {
    const keys = pointed.length ? pointed : picked === null ? [] : [picked];
    sheet.light(keys, reveal);
    facts.light(keys);
  };
  const light = (keys, reveal = false) => {
    if (keys.join() === pointed.join()) return;
    pointed = keys;
    relight(reveal && keys.length > 0);
  };
  const pick = (key) => {
    picked = key;
    facts.pick(key);
    if (key !== null) sheet.show(key);
    relight();
    note(address());
  };
  const facts = makeFacts(view, rows, { light: (keys) => light(keys, true), pick });
  const sheet = makeSheet(run, view, rows, { light, pick, turned: () => opened !== null && note(address()) });

  const list = toRun(run, around.list.filters);
  main.replaceChildren(
    h("div", { class: "head document" },
      h("h1", {}, say(view.name)), badge(view.status),
      view.lowest === null ? "" : h("span", { class: "lowest" }, "lowest confidence ", confidence(view.lowest, "Lowest confidence")),
      around.element),
    h("div", { class: `split${view.pages.length ? "" : " blank"}` }, view.pages.length ? sheet.element : "", facts.element));

  const asked = rows.find((row) => row.kind === "field" && row.label === values.field && (!values.rank || row.rank === Number(values.rank)))
    ?? rows.find((row) => row.key === `a${values.answer}`);
  const wanted = Number(values.page);
  const first = view.pages.some((page) => page.number === wanted) ? wanted : fullestPage(view, rows);
  if (first !== null) sheet.go(first);
  opened = fullestPage(view, rows);
  if (asked) pick(asked.key);

  const step = (by) => {
    const key = facts.step(by);
    if (key !== null) pick(key);
  };
  const keys = {
    j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1),
    n: () => sheet.turn(1), p: () => sheet.turn(-1),
    "+": () => sheet.zoom(1.25), "=": () => sheet.zoom(1.25), "-": () => sheet.zoom(0.8), 0: () => sheet.fit("page"), w: () => sheet.fit("width"),
    b: () => sheet.boxes(), a: () => facts.all(), "[": around.back, "]": around.forth, u: () => go(list),
    Escape: () => (picked === null ? go(list) : (document.activeElement.blur(), light([]), pick(null))),
  };
  const about = around.list.about;
  return { title: view.name, path: [[list, about ? about.dag_id || nameOf(about) : "All documents"]], keys, full: true };
}
