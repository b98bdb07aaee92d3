// The screen of runs.

import { announce, badge, confidence, count, h, number, say } from "./elements.js";
import { toRun } from "./routes.js";
import { source } from "./source.js";

/** When something was, in the reader's own zone and words. */
export function moment(iso) {
  const when = iso ? new Date(iso) : null;
  if (!when || Number.isNaN(when.getTime())) return null;
  const told = when.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  return h("time", { datetime: iso, title: iso }, told);
}

export const nameOf = (run) => run.run_id || run.dag_id || run.id;

function row(run) {
  const bad = [run.failed ? `${number(run.failed)} failed` : "", run.partial ? `${number(run.partial)} partial` : ""];
  return h("tr", { class: "row" },
    h("th", { scope: "row" },
      h("a", { href: toRun(run.id), class: "cover" }, say(run.dag_id || nameOf(run))),
      run.dag_id ? h("small", {}, say(run.run_id)) : null),
    h("td", { class: "started", "data-name": "Started" }, moment(run.started) ?? "–"),
    h("td", { class: "state", "data-name": "State" }, run.state ? badge(run.state) : "–"),
    h("td", { class: "figure", "data-name": "Documents" }, number(run.documents)),
    h("td", { "data-name": "Problems" }, bad.filter(Boolean).join(", ") || "–"),
    h("td", { "data-name": "Lowest" }, confidence(run.lowest, "Lowest confidence")));
}

/** Show the runs in `main`; the one run of a server that has one alone is opened at once. */
export async function showRuns(main, { values, signal, go, note }) {
  let search = values.search ?? "";
  let next = "";
  let asked = new AbortController();
  const first = await source.runs({ search, limit: 50 }, signal);
  if (first.runs.length === 1 && !first.next && !search) return go(toRun(first.runs[0].id), true);

  const body = h("tbody");
  const told = h("p", { class: "told" });
  const nothing = h("p", { class: "empty", hidden: true });
  const more = h("button", { type: "button", class: "more", click: () => load() }, "Show more runs");
  const box = h("input", {
    type: "search", id: "search", value: search, placeholder: "Find a run", "aria-label": "Find a run",
    "aria-keyshortcuts": "/", autocomplete: "off", spellcheck: "false",
    input: () => {
      search = box.value.trim();
      note(search ? `#/?${new URLSearchParams({ search })}` : "#/");
      asked.abort();
      asked = new AbortController();
      setTimeout(load, 200, "", asked.signal);
    },
  });

  function put(got, anew) {
    if (anew) body.replaceChildren();
    body.append(...got.runs.map(row));
    next = got.next;
    // Files have no such things.
    if (anew) table.classList.toggle("dateless", !got.runs.some((run) => run.started || run.state));
    more.hidden = !next;
    const shown = body.childElementCount;
    nothing.hidden = shown > 0;
    nothing.textContent = search ? "No run matches." : "No run has left documents to look at yet.";
    told.textContent = shown ? `${count(shown, "run")}${next ? " so far" : ""}` : "";
    announce(told.textContent || nothing.textContent);
  }

  async function load(cursor = next, stop = signal) {
    if (stop.aborted) return;
    try {
      put(await source.runs({ search, cursor, limit: 50 }, stop), !cursor);
    } catch (error) {
      if (error.name !== "AbortError") told.textContent = error.message;
    }
  }

  const head = { Run: null, Started: "started", State: "state", Documents: "figure", Problems: null, "Lowest confidence": null };
  const table = h("table", { class: "list runs" },
    h("caption", { class: "unseen" }, "Runs and their documents"),
    h("thead", {}, h("tr", {}, Object.entries(head).map(([name, kind]) => h("th", { scope: "col", class: kind }, name)))),
    body);
  main.replaceChildren(
    h("div", { class: "head" }, h("h1", {}, "Runs"), told, box),
    table,
    nothing, h("p", { class: "after" }, more));
  put(first, true);
  return { title: "Runs", path: [], keys: {}, rows: () => [...body.querySelectorAll("a.cover")] };
}
